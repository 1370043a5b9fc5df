package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// changeTo is a put whose channel a is old, of checkpoint base, with what is new behind
// it. Edit may make it wrong.
func changeTo(t *testing.T, thread, id, parent, base, old, added string, edit func(value map[string]any)) []byte {
	t.Helper()
	var tail values.Tail
	var own map[string]any
	must(t, json.Unmarshal(tail.Add("", []byte(added)), &own))
	delete(own, "type")
	value := map[string]any{
		"type": "msgpack", "sha256": sumOf(old + added), "base": map[string]any{"checkpoint_id": base, "sha256": sumOf(old)},
		"parts": []any{map[string]any{"copy": []int{0, len(old)}}, own},
	}
	edit(value)
	head, err := json.Marshal(map[string]any{"thread_id": thread, "operations": []any{map[string]any{"key": uuid.NewString(), "put": map[string]any{
		"checkpoint_id": id, "parent_checkpoint_id": parent, "checkpoint": map[string]any{"channel_versions": map[string]any{"a": id}}, "metadata": map[string]any{},
		"values": []any{map[string]any{"channel": "a", "value": value}},
	}}}})
	must(t, err)
	return tail.Document(head)
}

func (r *rig) sendWrite(body []byte) written {
	r.t.Helper()
	var out written
	r.send("mia@acme", "POST", "/v1/threads/write", body, "Content-Type", values.ContentType).want(http.StatusOK).into(&out)
	return out
}

func asItIs(map[string]any) {}

func TestThreadChanges(t *testing.T) {
	r := newRig(t)
	th, one, two := newThread(), v6(), v6()
	old := strings.Repeat("a message ", 500)
	r.taken(r.write("mia@acme", th, put{id: one, versions: `{"a":1}`, values: map[string]string{"a": old}}))
	r.taken(r.sendWrite(changeTo(t, th, two, one, one, old, "and one", asItIs)))
	r.channels(th, two, map[string]string{"a": "msgpack:" + old + "and one"})
	// Another node has nothing in its memory.
	other := r.with(func(*api.Config) {})
	three := v6()
	r.taken(other.sendWrite(changeTo(t, th, three, two, two, old+"and one", ", two", asItIs)))
	r.channels(th, three, map[string]string{"a": "msgpack:" + old + "and one, two"})

	four := v6()
	for name, test := range map[string]struct {
		edit  func(map[string]any)
		code  domain.Code
		field string
	}{
		"another base": {func(v map[string]any) {
			v["base"] = map[string]any{"checkpoint_id": one, "sha256": sumOf("other")}
		}, domain.CodeSendWhole, "put.values[0].value"},
		"a base that is not there": {func(v map[string]any) {
			v["base"] = map[string]any{"checkpoint_id": v6(), "sha256": sumOf("other")}
		}, domain.CodeSendWhole, "put.values[0].value"},
		"another result":           {func(v map[string]any) { v["sha256"] = sumOf("other") }, domain.CodeSendWhole, "put.values[0].value"},
		"more than the base has":   {func(v map[string]any) { v["parts"] = []any{map[string]any{"copy": []int{5, 1 << 20}}} }, domain.CodeSendWhole, "put.values[0].value"},
		"a count below nothing":    {func(v map[string]any) { v["parts"] = []any{map[string]any{"copy": []int{-1, 1}}} }, domain.CodeInvalidField, "put.values[0].value.parts[0].copy"},
		"one count":                {func(v map[string]any) { v["parts"] = []any{map[string]any{"copy": []int{1}}} }, domain.CodeInvalidField, "put.values[0].value.parts[0].copy"},
		"bytes that did not come":  {func(v map[string]any) { v["parts"] = []any{map[string]any{"at": 0, "size": 99}} }, domain.CodeInvalidField, "put.values[0].value.parts[0]"},
		"a sum from another place": {func(v map[string]any) { v["from"] = 3 }, domain.CodeSendWhole, "put.values[0].value"},
		"a base from elsewhere":    {func(v map[string]any) { v["base"].(map[string]any)["from"] = 3 }, domain.CodeSendWhole, "put.values[0].value"},
		"a sum from too far":       {func(v map[string]any) { v["from"] = 17 }, domain.CodeInvalidField, "put.values[0].value.from"},
		"a sum from nowhere":       {func(v map[string]any) { v["from"] = -1 }, domain.CodeInvalidField, "put.values[0].value.from"},
		"a sum that is none":       {func(v map[string]any) { v["sha256"] = "abc" }, domain.CodeInvalidField, "put.values[0].value.sha256"},
		"no base":                  {func(v map[string]any) { delete(v, "base") }, domain.CodeInvalidField, "put.values[0].value.base"},
		"a base without an id":     {func(v map[string]any) { v["base"] = map[string]any{} }, domain.CodeInvalidField, "put.values[0].value.base.checkpoint_id"},
		"a whole that is too much": {func(v map[string]any) { v["parts"] = tooMuch() }, domain.CodeTooLarge, "put.values[0].value.parts[32]"},
	} {
		t.Run(name, func(t *testing.T) {
			o := r.on(t)
			o.refusedWith(httptestWrite(o, string(changeTo(t, th, four, three, one, old, "x", test.edit))), 0, test.code, test.field)
			o.channels(th, four, nil)
		})
	}
}

// TestThreadChangesOverChanges: a list that grows by changes, each to what the node
// remembers of the one before, is read as it was meant, by a node that remembers nothing.
func TestThreadChangesOverChanges(t *testing.T) {
	r := newRig(t)
	th, parent := newThread(), v6()
	// A list of 256 texts, of which the head speaks from the beginning.
	text := func(i int) string { return "\xd9\xc8" + strings.Repeat(string(rune('a'+i%26)), 200) }
	old := "\xdc\x01\x00" + strings.Repeat(text(7), 60)
	r.taken(r.write("mia@acme", th, put{id: parent, versions: `{"a":1}`, values: map[string]string{"a": old}}))
	for i := range 70 {
		id := v6()
		r.taken(r.sendWrite(changeTo(t, th, id, parent, parent, old, text(i), asItIs)))
		old, parent = old+text(i), id
	}
	r.with(func(*api.Config) {}).channels(th, parent, map[string]string{"a": "msgpack:" + old})
}

// TestThreadChangesFromTheItems: a long list whose sums begin behind its count grows, over what
// the node remembers and over what is stored; a sum of other bytes is noticed at each step.
func TestThreadChangesFromTheItems(t *testing.T) {
	r := newRig(t)
	th, parent := newThread(), v6()
	text := func(i int) string { return "\xda\x01\x00" + strings.Repeat(string(rune('a'+i%26)), 256) }
	list := func(n int) string {
		out := fmt.Sprintf("\xdc%c%c", n>>8, n&0xff)
		for i := range n {
			out += text(i)
		}
		return out
	}
	old, from := list(80), 0
	r.taken(r.write("mia@acme", th, put{id: parent, versions: `{"a":1}`, values: map[string]string{"a": old}}))
	for n := 81; n < 90; n++ {
		id, now := v6(), list(n)
		edit := func(sum string) func(map[string]any) {
			return func(v map[string]any) {
				v["sha256"], v["from"] = sum, 3
				base := v["base"].(map[string]any)
				base["sha256"], base["from"] = sumOf(old[from:]+old[:from]), from
				v["parts"] = []any{map[string]any{"copy": []int{0, 2}}, v["parts"].([]any)[1], map[string]any{"copy": []int{3, len(old) - 3}}}
				own := v["parts"].([]any)[1].(map[string]any)
				last := map[string]any{"at": 1, "size": own["size"].(float64) - 1}
				own["size"] = 1
				v["parts"] = append(v["parts"].([]any), last)
			}
		}
		added := now[2:3] + text(n-1)
		wrong := sumOf(now[3:] + "\xdc\x00\x00")
		r.refusedWith(r.sendWrite(changeTo(t, th, id, parent, parent, old, added, edit(wrong))), 0, domain.CodeSendWhole, "put.values[0].value")
		at := r
		if n == 85 {
			at = r.with(func(*api.Config) {})
		}
		at.taken(at.sendWrite(changeTo(t, th, id, parent, parent, old, added, edit(sumOf(now[3:]+now[:3])))))
		old, parent, from = now, id, 3
	}
	r.with(func(*api.Config) {}).channels(th, parent, map[string]string{"a": "msgpack:" + old})
}

// tooMuch copies a megabyte so often that it passes every limit.
func tooMuch() []any {
	out := make([]any, 34)
	for i := range out {
		out[i] = map[string]any{"copy": []int{0, 1 << 20}}
	}
	return out
}

// TestThreadsBadInput: each has its documented error, and nothing stored is damaged.
func TestThreadsBadInput(t *testing.T) {
	r := newRig(t)
	th, id := newThread(), v6()
	good := put{id: id, versions: `{"a":1}`, values: map[string]string{"a": "good"}, metadata: `{"step":1}`}
	r.taken(r.write("mia@acme", th, good))
	whole := threadBody(t, th, put{id: v6(), parent: id, versions: `{"a":2}`, values: map[string]string{"a": strings.Repeat("half ", 100)}})
	type headers = []string
	for name, test := range map[string]struct {
		body    any
		headers headers
		status  int
		code    domain.Code
		field   string
	}{
		"no JSON":          {"{", nil, 400, domain.CodeInvalidBody, ""},
		"a list":           {"[]", nil, 400, domain.CodeInvalidBody, ""},
		"no thread":        {`{"operations":[{}]}`, nil, 400, domain.CodeInvalidField, "thread_id"},
		"an empty thread":  {`{"thread_id":"","operations":[{}]}`, nil, 400, domain.CodeInvalidField, "thread_id"},
		"a thread of 10 k": {`{"thread_id":"` + strings.Repeat("x", 10<<10) + `","operations":[{}]}`, nil, 413, domain.CodeTooLarge, "thread_id"},
		"half a character": {`{"thread_id":"\ud800","operations":[{}]}`, nil, 400, domain.CodeInvalidField, "thread_id"},
		"no operations":    {`{"thread_id":"t"}`, nil, 400, domain.CodeInvalidField, "operations"},
		"one operation":    {`{"thread_id":"t","operations":{}}`, nil, 400, domain.CodeInvalidField, "operations"},
		"too many":         {`{"thread_id":"t","operations":[` + strings.Repeat("{},", 64) + `{}]}`, nil, 400, domain.CodeInvalidField, "operations"},
		"no gzip":          {whole, headers{"Content-Encoding", "gzip"}, 400, domain.CodeInvalidBody, ""},
		"64 MB":            {make([]byte, 64<<20), nil, 413, domain.CodeTooLarge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r.on(t).send("mia@acme", "POST", "/v1/threads/write", test.body, append(headers{"Content-Type", values.ContentType}, test.headers...)...).refused(test.status, test.code, test.field)
		})
	}
	for name, test := range map[string]struct {
		operation string
		code      domain.Code
		field     string
	}{
		"an id that is none":       {`{"put":{"checkpoint_id":"latest","checkpoint":{},"metadata":{}}}`, domain.CodeInvalidField, "put.checkpoint_id"},
		"an id in upper case":      {`{"put":{"checkpoint_id":"` + strings.ToUpper(v6()) + `","checkpoint":{},"metadata":{}}}`, domain.CodeInvalidField, "put.checkpoint_id"},
		"a parent that is none":    {`{"put":{"checkpoint_id":"` + v6() + `","parent_checkpoint_id":"x","checkpoint":{},"metadata":{}}}`, domain.CodeInvalidField, "put.parent_checkpoint_id"},
		"no checkpoint":            {`{"put":{"checkpoint_id":"` + v6() + `","metadata":{}}}`, domain.CodeInvalidField, "checkpoint"},
		"values in the checkpoint": {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{"channel_values":{}},"metadata":{}}}`, domain.CodeInvalidField, "checkpoint.channel_values"},
		"metadata with NUL":        {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{"a":"\u0000"}}}`, domain.CodeInvalidField, "metadata"},
		"metadata twice 64 KiB":    {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{"a":"` + strings.Repeat("x", 128<<10) + `"}}}`, domain.CodeTooLarge, "metadata"},
		"a span outside the tail":  {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{},"values":[{"channel":"a","value":{"type":"json","at":0,"size":10}}]}}`, domain.CodeInvalidField, "put.values[0].value"},
		"a value without a type":   {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{},"values":[{"channel":"a","value":{"at":0,"size":0}}]}}`, domain.CodeInvalidField, "put.values[0].value.type"},
		"no value":                 {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{},"values":[{"channel":"a"}]}}`, domain.CodeInvalidField, "put.values[0].value"},
		"a channel with NUL":       {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{},"values":[{"channel":"\u0000","value":{"type":"json","at":0,"size":0}}]}}`, domain.CodeInvalidField, "values[0].channel"},
		"a namespace of 10 k":      {`{"put":{"checkpoint_ns":"` + strings.Repeat("x", 10<<10) + `","checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{}}}`, domain.CodeTooLarge, "checkpoint_ns"},
		"a write without a task":   {`{"writes":{"checkpoint_id":"` + v6() + `","writes":[]}}`, domain.CodeInvalidField, "writes.task_id"},
		"a write without an index": {`{"writes":{"checkpoint_id":"` + v6() + `","task_id":"t","writes":[{"channel":"c","value":{"type":"json","at":0,"size":0}}]}}`, domain.CodeInvalidField, "writes.writes[0].idx"},
		"both":                     {`{"put":{},"writes":{}}`, domain.CodeInvalidField, "put"},
		"a key of 10 k":            {`{"key":"` + strings.Repeat("x", 10<<10) + `","put":{}}`, domain.CodeTooLarge, "key"},
		"values of another kind":   {`{"put":{"checkpoint_id":"` + v6() + `","checkpoint":{},"metadata":{},"values":7}}`, domain.CodeInvalidField, "put.values"},
		"no object":                {`7`, domain.CodeInvalidBody, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := r.on(t)
			w := httptestWrite(o, `{"thread_id":`+quoted(th)+`,"operations":[`+test.operation+`]}`+"\n")
			o.refusedWith(w, 0, test.code, test.field)
		})
	}
	// Half of an upload: its last values are not there.
	r.refusedWith(r.sendWrite(whole[:len(whole)-100]), 0, domain.CodeInvalidField, "put.values[0].value")
	large := threadBody(t, th, put{id: v6(), values: map[string]string{"a": strings.Repeat("x", 33<<20)}})
	r.with(func(c *api.Config) { c.Limits.MaxBody, c.Limits.TenantBytes = 128<<20, 256<<20 }).on(t).largeValue(large)
	r.channels(th, id, map[string]string{"a": "msgpack:good"})
	var n int
	must(t, r.node.DB.Read.QueryRow(t.Context(), `SELECT count(*) FROM checkpoints WHERE stream = $1`, projections.ShortKeyOf(workflow.ThreadStream("acme", th).String())).Scan(&n))
	if n != 1 {
		t.Errorf("%d checkpoints", n)
	}
}

// TestThreadOfARefusedParent: without its parent a checkpoint would lack what only that
// one sent, so it waits for it.
func TestThreadOfARefusedParent(t *testing.T) {
	r := newRig(t)
	th, one, two, three := newThread(), v6(), v6(), v6()
	child := put{id: two, parent: one, versions: `{"a":1,"b":1}`, values: map[string]string{"b": "b"}}
	grandchild := put{id: three, parent: two, versions: `{"a":1,"b":1}`}
	for name, parent := range map[string]any{
		"of what it stores":  put{id: one, metadata: `{"a":"\u0000"}`, versions: `{"a":1}`, values: map[string]string{"a": "a"}},
		"of its values":      json.RawMessage(`{"put":{"checkpoint_id":"` + one + `","checkpoint":{},"metadata":{},"values":[{"channel":"a","value":{"type":"json","at":0,"size":1000}}]}}`),
		"of a base not here": json.RawMessage(`{"put":{"checkpoint_id":"` + one + `","checkpoint":{},"metadata":{},"values":[{"channel":"a","value":{"type":"json","sha256":"` + sumOf("") + `","base":{"checkpoint_id":"` + v6() + `","sha256":"` + sumOf("") + `"},"parts":[]}}]}}`),
	} {
		w := r.write("mia@acme", th, parent, child, grandchild, pend{id: one, task: "t", writes: []string{"0:a:1"}})
		if w.Results[0].Error == nil || w.Results[3].Error != nil {
			t.Errorf("refused because %s: %+v", name, w.Results)
		}
		r.refusedWith(w, 1, domain.CodeNotNow, "")
		r.refusedWith(w, 2, domain.CodeNotNow, "")
	}
	r.taken(r.write("mia@acme", th, put{id: one, versions: `{"a":1}`, values: map[string]string{"a": "a"}}, child, grandchild))
	r.channels(th, three, map[string]string{"a": "msgpack:a", "b": "msgpack:b"})
}

// largeValue: a value has a limit of its own, whatever a request may have.
func (r *rig) largeValue(body []byte) {
	r.t.Helper()
	r.refusedWith(r.sendWrite(body), 0, domain.CodeTooLarge, "values[0].value")
}

func quoted(s string) string {
	b, _ := json.Marshal(s) //nolint:errchkjson // a string
	return string(b)
}

// httptestWrite sends what the contract would not let through.
func httptestWrite(r *rig, body string) written {
	r.t.Helper()
	var out written
	r.plain("mia@acme", "/v1/threads/write", body).want(http.StatusOK).into(&out)
	return out
}

// TestFanOutOverTwoNodes: fifty tasks of one checkpoint write at once, over two nodes,
// and all of it is there.
func TestFanOutOverTwoNodes(t *testing.T) {
	r := newRig(t)
	second := r.node.Cluster.Start(t, nodetest.Options{})
	nodes := []*rig{r, r.with(func(c *api.Config) { c.Dispatch, c.Gate, c.Changes = second.Dispatch, second.Visible, second.Visible })}
	th, id := newThread(), v6()
	r.taken(r.write("mia@acme", th, put{id: id, versions: `{"a":1}`, values: map[string]string{"a": "A"}}))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			out := nodes[i%2].write("mia@acme", th, pend{key: uuid.NewString(), id: id, task: fmt.Sprintf("task %02d", i), writes: []string{"0:a:1", "1:b:2"}})
			if out.Results[0].Error != nil {
				t.Errorf("task %d: %+v", i, *out.Results[0].Error)
			}
		})
	}
	wg.Wait()
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprintf("task %02d:0:a:1", i), fmt.Sprintf("task %02d:1:b:2", i))
	}
	if _, got := r.state(th, "", id); !cmp.Equal(want, got) {
		t.Errorf("%d writes: %s", len(got), cmp.Diff(want, got))
	}
}

// TestFencedWriters: where a tenant lets one write, who was overtaken is told so.
func TestFencedWriters(t *testing.T) {
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{FenceWriters: true})
	stream := workflow.ThreadStream("acme", "t")
	var parent *uuid.UUID
	step := func(writer string) error {
		c := &workflow.PutCheckpoint{Thread: workflow.ThreadRef{ID: "t", Writer: writer}, TS: uuid.MustParse(v6()), Parent: parent, Header: []byte("{}"), Metadata: []byte("{}")}
		_, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: stream, Workflow: c, CommandID: uuid.New(), Fresh: true})
		if err == nil {
			parent = &c.TS
		}
		return err
	}
	for i, test := range []struct {
		writer string
		code   domain.Code
	}{{"a", ""}, {"a", ""}, {"b", ""}, {"a", domain.CodeStaleWriter}, {"b", ""}, {"c", ""}, {"b", domain.CodeStaleWriter}, {"", domain.CodeInvalidField}, {"c", ""}} {
		err := step(test.writer)
		if got := domain.CodeOf(err); err == nil && test.code != "" || err != nil && got != test.code {
			t.Errorf("step %d of %q: %v", i, test.writer, err)
		}
	}
}
