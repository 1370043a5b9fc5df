package journal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

func TestParseReadsWhatPackWrites(t *testing.T) {
	t.Parallel()
	c := commit(journal.Hash{}, 0)
	packed := pack(t, c, blob("bytes"))
	p := journal.Parse(record(packed.Commit, 7), partitions)
	if p.Reason != "" || p.What != journal.WhatCommit || p.Hash != packed.Hash || p.Stream != c.Stream {
		t.Fatalf("%q %q: %+v", p.Reason, p.Detail, p)
	}
	if d := cmp.Diff(c, p.Commit); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]value.Blob{blob("bytes")}, p.Blobs); d != "" {
		t.Error(d)
	}
}

// edit changes the record of a good commit that carries "bytes".
type edit func(r *journal.Record)

func inValue(old, with string) edit {
	return func(r *journal.Record) {
		changed := strings.Replace(string(r.Value), old, with, 1)
		if changed == string(r.Value) {
			panic("nothing to replace: " + old)
		}
		r.Value = []byte(changed)
	}
}

func withValue(v string) edit { return func(r *journal.Record) { r.Value = []byte(v) } }

func withHeader(key, v string) edit {
	return func(r *journal.Record) { r.Headers = append(r.Headers, journal.Header{Key: key, Value: []byte(v)}) }
}

func parseCases() map[string]struct {
	edits  []edit
	reason journal.Reason
	detail string
} {
	name, other := stream(0).String(), stream(1).String()
	address := value.AddressOf([]byte("bytes")).String()
	elsewhere := func(r *journal.Record) { r.Position.Partition = (r.Position.Partition + 1) % partitions }
	otherKey := func(r *journal.Record) { r.Key = []byte(other) }
	tooMuch := func(r *journal.Record) {
		b := blob(big(journal.MaxHeaderBytes, "x"))
		withHeader("b:"+b.Address.String(), string(b.Bytes))(r)
	}
	blobs := func(n int) edit { return withValue(fmt.Sprintf(`{"v":1,"stream":%q,"blobs":%d}`, name, n)) }
	return map[string]struct {
		edits  []edit
		reason journal.Reason
		detail string
	}{
		"good":                 {nil, "", ""},
		"foreign headers":      {[]edit{withHeader("traceparent", "00-1"), withHeader("B:upper", "x"), withHeader("", "")}, "", ""},
		"blobs":                {[]edit{blobs(1)}, "", ""},
		"space is no change":   {[]edit{inValue(`{"v":1`, "\n{ \"v\" : 1"), func(r *journal.Record) { r.Value = append(r.Value, " \n"...) }}, "", ""},
		"free names in data":   {[]edit{inValue(`"workload":`, `"Work-Load 1":1,"workload":`)}, "", ""},
		"unknown event":        {[]edit{inValue(`"workflow.run_started","v":1`, `"workflow.from_the_future","v":9`)}, "", ""},
		"unknown kind":         {[]edit{kindOf("namespace")}, "", ""},
		"empty":                {[]edit{withValue("")}, journal.ReasonMalformed, "EOF"},
		"not JSON":             {[]edit{withValue("hello")}, journal.ReasonMalformed, ""},
		"null":                 {[]edit{withValue("null")}, journal.ReasonMalformed, ""},
		"a list":               {[]edit{withValue("[]")}, journal.ReasonMalformed, ""},
		"invalid UTF-8":        {[]edit{inValue("pid:4711", "pid:\xff")}, journal.ReasonMalformed, "invalid UTF-8"},
		"unknown field":        {[]edit{inValue(`{"v":1`, `{"x":0,"v":1`)}, journal.ReasonMalformed, "unknown field"},
		"unknown inner field":  {[]edit{inValue(`"system":`, `"robot":true,"system":`)}, journal.ReasonMalformed, "unknown field"},
		"data after":           {[]edit{func(r *journal.Record) { r.Value = append(r.Value, "{}"...) }}, journal.ReasonMalformed, "after top-level value"},
		"a brace after":        {[]edit{func(r *journal.Record) { r.Value = append(r.Value, '}') }}, journal.ReasonMalformed, "after top-level value"},
		"a name twice":         {[]edit{inValue(`"parent":""`, `"parent":"","parent":""`)}, journal.ReasonMalformed, "comes twice"},
		"a name twice in data": {[]edit{inValue(`"workload":`, `"workload":"","workload":`)}, journal.ReasonMalformed, "comes twice"},
		"another spelling":     {[]edit{inValue(`"stream"`, `"Stream"`)}, journal.ReasonMalformed, "unknown field"},
		"a fold of the letter": {[]edit{inValue(`"stream"`, "\"\u017ftream\"")}, journal.ReasonMalformed, "unknown field"},
		"format 2":             {[]edit{inValue(`{"v":1`, `{"v":2`)}, journal.ReasonMalformed, "format 2 is not 1"},
		"stream not canonical": {[]edit{inValue(name, strings.ToUpper(name))}, journal.ReasonMalformed, "stream"},
		"UUID in braces":       {[]edit{inValue(stream(0).ID.String(), "{"+stream(0).ID.String()+"}")}, journal.ReasonMalformed, "canonical"},
		"stream of two parts":  {[]edit{inValue("acme/", "")}, journal.ReasonMalformed, "tenant/kind/id"},
		"upper-case parent":    {[]edit{inValue(`"parent":""`, `"parent":"`+big(64, "A")+`"`)}, journal.ReasonMalformed, "lower-case"},
		"short parent":         {[]edit{inValue(`"parent":""`, `"parent":"ab"`)}, journal.ReasonMalformed, "64"},
		"no id":                {[]edit{inValue(commit(journal.Hash{}, 0).ID.String(), uuid.Nil.String())}, journal.ReasonMalformed, "must be set"},
		"no command":           {[]edit{inValue("workflow.confirm_run", "")}, journal.ReasonMalformed, "must be set"},
		"no time":              {[]edit{inValue("2026-11-21T10:14:02.304Z", "0001-01-01T00:00:00Z")}, journal.ReasonMalformed, "time"},
		"a time past 9999":     {[]edit{inValue("2026-11-21T10:14:02.304Z", "9999-12-31T23:59:59-01:00")}, journal.ReasonMalformed, "time"},
		"no events":            {[]edit{inValue(`"events":[`, `"events":[],"needs":[`)}, journal.ReasonMalformed, ""},
		"event without type":   {[]edit{inValue("workflow.run_started", "")}, journal.ReasonMalformed, "event 0"},
		"event version 0":      {[]edit{inValue(`started","v":1`, `started","v":0`)}, journal.ReasonMalformed, "event 0"},
		"data is a list":       {[]edit{inValue(`"data":{`, `"data":[{`), inValue(`4711"}`, `4711"}]`)}, journal.ReasonMalformed, "event 0"},
		"need not hex":         {[]edit{inValue(`"events"`, `"needs":["zz"],"events"`)}, journal.ReasonMalformed, "64"},
		"blobs miscounted":     {[]edit{blobs(2)}, journal.ReasonMalformed, "count"},
		"no blobs":             {[]edit{blobs(0)}, journal.ReasonMalformed, ""},
		"genesis again":        {[]edit{genesisAt(9)}, journal.ReasonGenesis, "begins once"},
		"bad genesis":          {[]edit{genesisAt(9), inValue("murmur2", "crc32")}, journal.ReasonMalformed, "partitioner"},
		"genesis elsewhere":    {[]edit{genesisAt(9), elsewhere}, journal.ReasonMalformed, "it says partition"},
		"genesis of no log":    {[]edit{genesisAt(9), inValue("0198a3ee-0000-7000-8000-00000000d0c0", uuid.Nil.String())}, journal.ReasonMalformed, "no id"},
		"wrong key":            {[]edit{otherKey}, journal.ReasonWrongKey, "it speaks of " + name},
		"no key":               {[]edit{func(r *journal.Record) { r.Key = nil }}, journal.ReasonWrongKey, ""},
		"wrong partition":      {[]edit{elsewhere}, journal.ReasonWrongPartition, ""},
		"value too large":      {[]edit{inValue("pid:4711", big(journal.MaxCommitJSON, "x"))}, journal.ReasonTooLarge, "64 KiB"},
		"headers too large":    {[]edit{tooMuch}, journal.ReasonTooLarge, "512 KiB"},
		"other bytes":          {[]edit{withHeader("b:"+value.AddressOf(nil).String(), "x")}, journal.ReasonBadBytes, "are not"},
		"no address":           {[]edit{withHeader("b:", "x")}, journal.ReasonBadBytes, ""},
		"upper-case address":   {[]edit{withHeader("b:"+strings.ToUpper(address), "bytes")}, journal.ReasonBadBytes, ""},
		"bytes twice":          {[]edit{withHeader("b:"+address, "bytes")}, journal.ReasonBadBytes, "ride twice"},
		// Precedence: bytes before size of the value, size before form, form
		// before key, key before partition.
		"bytes before all":         {[]edit{withHeader("b:", ""), inValue("pid:4711", big(journal.MaxCommitJSON, "x")), otherKey, elsewhere}, journal.ReasonBadBytes, ""},
		"bytes before size":        {[]edit{tooMuch, withHeader("b:", "")}, journal.ReasonBadBytes, ""},
		"size before form":         {[]edit{withValue(big(journal.MaxCommitJSON+1, "x")), otherKey, elsewhere}, journal.ReasonTooLarge, ""},
		"form before key":          {[]edit{withValue("{}"), otherKey, elsewhere}, journal.ReasonMalformed, ""},
		"key before partition":     {[]edit{otherKey, elsewhere}, journal.ReasonWrongKey, ""},
		"the key genesis decides":  {[]edit{withHeader("b:", ""), func(r *journal.Record) { r.Key = []byte("genesis") }}, journal.ReasonMalformed, "genesis"},
		"blobs in wrong partition": {[]edit{blobs(1), elsewhere}, journal.ReasonWrongPartition, ""},
		"blobs under a wrong key":  {[]edit{blobs(1), otherKey}, journal.ReasonWrongKey, ""},
	}
}

func kindOf(kind string) edit {
	return func(r *journal.Record) {
		for p := range int32(partitions) { // the partition follows the key
			if r.Position.Partition = p; journal.PartitionOf([]byte(strings.Replace(stream(0).String(), "workflow", kind, 1)), partitions) == p {
				break
			}
		}
		r.Key = []byte(strings.Replace(string(r.Key), "workflow", kind, 1))
		inValue("acme/workflow", "acme/"+kind)(r)
	}
}

func genesisAt(offset int64) edit {
	return func(r *journal.Record) {
		m, err := journal.Genesis{Log: uuid.MustParse("0198a3ee-0000-7000-8000-00000000d0c0"), Partition: 3, Partitions: partitions, Partitioner: journal.Partitioner, Format: 1}.Message()
		if err != nil {
			panic(err)
		}
		*r = record(m, offset)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tt := range parseCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(pack(t, commit(journal.Hash{}, 0), blob("bytes")).Commit, 7)
			for _, e := range tt.edits {
				e(&r)
			}
			p := journal.Parse(r, partitions)
			if p.Reason != tt.reason || !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("got %q %q, want %q %q", p.Reason, p.Detail, tt.reason, tt.detail)
			}
			if ignored := tt.reason != ""; ignored != (p.What == journal.WhatNothing) || ignored && p.Blobs != nil {
				t.Errorf("%q is of shape %d with %d blobs", p.Reason, p.What, len(p.Blobs))
			}
			reason, _ := journal.Admit(journal.Facts{Known: none}, p)
			if reason != tt.reason {
				t.Errorf("admitted with %q", reason)
			}
		})
	}
}

func TestGenesisAtZero(t *testing.T) {
	t.Parallel()
	var r journal.Record
	genesisAt(0)(&r)
	if p := journal.Parse(r, partitions); p.What != journal.WhatGenesis || p.Reason != "" {
		t.Errorf("%d %q", p.What, p.Reason)
	}
	g, err := journal.ParseGenesis(r)
	if err != nil || g.Partition != 3 || g.Partitions != partitions {
		t.Errorf("%+v %v", g, err)
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	needed := value.AddressOf([]byte("stored before"))
	c := commit(journal.HashOf([]byte("head")), 1)
	c.Needs = []value.Address{needed}
	p := journal.Parse(record(pack(t, c).Commit, 7), partitions)
	has := func(a value.Address) bool { return a == needed }
	tests := map[string]struct {
		head   journal.Hash
		known  func(value.Address) bool
		reason journal.Reason
		detail string
	}{
		"accepted":          {c.Parent, has, "", ""},
		"no stream yet":     {journal.Hash{}, has, journal.ReasonStaleParent, "the head is none"},
		"another head":      {journal.HashOf([]byte("else")), has, journal.ReasonStaleParent, "the head is "},
		"bytes missing":     {c.Parent, none, journal.ReasonMissingBytes, needed.String()},
		"parent goes first": {journal.Hash{}, none, journal.ReasonStaleParent, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reason, detail := journal.Admit(journal.Facts{Head: tt.head, Known: tt.known}, p)
			if reason != tt.reason || !strings.Contains(detail, tt.detail) {
				t.Errorf("%q %q", reason, detail)
			}
		})
	}
}
