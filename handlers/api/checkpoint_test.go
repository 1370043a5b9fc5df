package api_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

func TestCheckpoints(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"C3 C4 C5 C8 state comes back byte for byte, newest first": keepsEveryByte,
		"compressed in and out":                           takesCompressed,
		"a repeat is the same checkpoint":                 savesOnce,
		"pages, namespaces and single rows":               listsCheckpoints,
		"writes stand with their checkpoint":              keepsWrites,
		"P1 the model is recorded, a long one is dropped": recordsModel,
		"a parent that is not there is marked":            marksMissingParent,
		"a long list of shared values":                    keepsLongLists,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func newTS() string { return uuid.Must(uuid.NewV7()).String() }

// row is a checkpoint as a client reads it, its bytes as they came.
type row struct {
	ID         int64           `json:"id"`
	ThreadTS   string          `json:"thread_ts"`
	ParentTS   *string         `json:"parent_ts"`
	NS         string          `json:"checkpoint_ns"`
	Checkpoint json.RawMessage `json:"checkpoint"`
	Compressed string          `json:"compressed_checkpoint"`
	Metadata   json.RawMessage `json:"metadata"`
	Thread     int             `json:"current_thread"`
	Missing    bool            `json:"parent_missing"`
	Writes     []write         `json:"checkpoint_writes"`
}

type write struct {
	ID       int64  `json:"id"`
	ThreadTS string `json:"thread_ts"`
	Task     string `json:"task"`
	Idx      int    `json:"idx"`
	Channel  string `json:"channel"`
	Type     string `json:"write_type"`
	Data     string `json:"data"`
}

func (r *rig) save(c created, body string) row {
	r.t.Helper()
	var out row
	r.send("mia@acme", "POST", c.path("/checkpoints?checkpoint_strategy=full"), body).want(http.StatusCreated).into(&out)
	return out
}

func (r *rig) rows(c created, query string) ([]row, reply) {
	r.t.Helper()
	var out []row
	a := r.send("mia@acme", "GET", c.path("/checkpoints"+query), nil).want(http.StatusOK).into(&out)
	return out, a
}

// odd is JSON that a decoder and an encoder would not give back.
func odd(step int) string {
	items := make([]string, step+1)
	for i := range items {
		items[i] = fmt.Sprintf(`{"content" :"<b>&\u003c%d\u2028é\u0000 \ud83d\ude00 😀", "n":1.0e+%d ,"big": 12345678901234567890.10}`, i, i)
	}
	return fmt.Sprintf(`{ "v":1,  "id" : "x", "channel_values": {"ui_chat_log":[%s] , "ключ" :  {"b":1,"a":2,"a":3}, "n": null, "branch:to:plan_approval#request":"%s"},
	"channel_versions":{"z":"1","a":"2"} }`, strings.Join(items, " , "), strings.Repeat("x", 3000))
}

func keepsEveryByte(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	const metadata = `{"step":  -1, "source":"<loop>", "parents": { }}`
	var sent []string
	var parent string
	for step := range 5 {
		ts := newTS()
		body := fmt.Sprintf(`{"checkpoint":%s,"thread_ts":%q,"parent_ts":%q,"metadata":%s,"current_thread":2,"channel_blobs":[{"channel":"x"}]}`, odd(step), ts, parent, metadata)
		saved := r.save(c, body)
		if saved.ThreadTS != ts || saved.ID == 0 {
			r.t.Errorf("saved as %+v", saved)
		}
		sent, parent = append(sent, ts), ts
	}
	rows, _ := r.rows(c, "")
	if len(rows) != 5 {
		r.t.Fatalf("%d rows", len(rows))
	}
	for i, got := range rows {
		step := 4 - i
		if got.ThreadTS != sent[step] || got.Thread != 2 || got.Missing {
			r.t.Errorf("row %d is %+v", i, got)
		}
		if diff := cmp.Diff(odd(step), string(got.Checkpoint)); diff != "" {
			r.t.Errorf("step %d came back otherwise:\n%s", step, diff)
		}
		if string(got.Metadata) != metadata {
			r.t.Errorf("metadata is %s", got.Metadata)
		}
	}
}

func deflate(t *testing.T, raw string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := io.WriteString(z, raw)
	must(t, err)
	must(t, z.Close())
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func inflated(t *testing.T, text string) string {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(text)
	must(t, err)
	z, err := zlib.NewReader(bytes.NewReader(packed))
	must(t, err)
	raw, err := io.ReadAll(z)
	must(t, err)
	return string(raw)
}

func takesCompressed(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	ts := newTS()
	saved := r.save(c, fmt.Sprintf(`{"thread_ts":%q,"compressed_checkpoint":%q,"metadata":{}}`, ts, deflate(r.t, odd(3))))
	for _, query := range []string{"?accept_compressed=true", "?accept_compressed=1&per_page=1"} {
		rows, _ := r.rows(c, query)
		if len(rows) != 1 || rows[0].Checkpoint != nil || inflated(r.t, rows[0].Compressed) != odd(3) {
			r.t.Errorf("%s gives %+v", query, rows)
		}
	}
	for _, path := range []string{fmt.Sprint("/checkpoints/", saved.ID), "/checkpoints/by_thread_ts?thread_ts=" + strings.ToUpper(ts)} {
		var got row
		if r.send("mia@acme", "GET", c.path(path), nil).want(http.StatusOK).into(&got); string(got.Checkpoint) != odd(3) || got.ID != saved.ID {
			r.t.Errorf("GET %s gives %+v", path, got)
		}
	}
}

func savesOnce(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	ts := newTS()
	body := fmt.Sprintf(`{"thread_ts":%q,"checkpoint":{"channel_values":{"a":1}},"metadata":{}}`, ts)
	first, again := r.save(c, body), r.save(c, body)
	if first.ID != again.ID {
		r.t.Errorf("a repeat is checkpoint %d, not %d", again.ID, first.ID)
	}
	r.send("mia@acme", "POST", c.path("/checkpoints"), body, "Idempotency-Key", "k").want(http.StatusCreated)
	if rows, _ := r.rows(c, ""); len(rows) != 1 {
		r.t.Errorf("%d rows", len(rows))
	}
}

func listsCheckpoints(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	long := strings.Repeat("n|", 2048)
	var last row
	for i := range 5 {
		ns := ""
		if i%2 == 1 {
			ns = long
		}
		last = r.save(c, fmt.Sprintf(`{"thread_ts":%q,"checkpoint_ns":%q,"checkpoint":{"channel_values":{"i":%d}},"metadata":{}}`, newTS(), ns, i))
	}
	for query, want := range map[string]int{"": 5, "?checkpoint_ns=": 3, "?checkpoint_ns=" + strings.ReplaceAll(long, "|", "%7C"): 2, "?checkpoint_ns=x": 0} {
		if rows, _ := r.rows(c, query); len(rows) != want {
			r.t.Errorf("%.40s lists %d, not %d", query, len(rows), want)
		}
	}
	seen := map[int64]bool{}
	for page := "1"; page != ""; {
		rows, a := r.rows(c, "?per_page=2&page="+page)
		for _, row := range rows {
			seen[row.ID] = true
		}
		page = a.header.Get("X-Next-Page")
	}
	if len(seen) != 5 {
		r.t.Errorf("the pages have %d checkpoints", len(seen))
	}
	other := r.create("mia@acme", `{"goal":"other"}`)
	if rows, _ := r.rows(other, ""); len(rows) != 0 {
		r.t.Errorf("another workflow has %d checkpoints", len(rows))
	}
	for path, field := range map[string]string{
		"/checkpoints/x": "checkpoint_id", "/checkpoints/-1": "checkpoint_id", "/checkpoints/by_thread_ts": "thread_ts",
		"/checkpoints/by_thread_ts?thread_ts=" + uuid.NewString(): "thread_ts", "/checkpoints?accept_compressed=maybe": "accept_compressed",
	} {
		r.send("mia@acme", "GET", c.path(path), nil).refused(400, domain.CodeInvalidField, field)
	}
	for _, path := range []string{other.path(fmt.Sprint("/checkpoints/", last.ID)), c.path("/checkpoints/1"), c.path("/checkpoints/by_thread_ts?thread_ts=" + newTS()), base + "/99999999/checkpoints"} {
		r.send("mia@acme", "GET", path, nil).refused(404, domain.CodeNotFound, "")
	}
}

func keepsWrites(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	ts := newTS()
	data := `{"<interrupt>":"\u0000 é"}`
	batch := map[string]any{"thread_ts": ts, "checkpoint_writes": []map[string]any{
		{"task": "t1", "idx": -3, "channel": "__interrupt__", "write_type": "json", "data": data},
		{"task": "t1", "idx": 0, "channel": "a", "write_type": "msgpack", "data": ""},
		{"task": "t0", "idx": 1, "channel": "b", "write_type": "", "data": strings.Repeat("d", 10000)},
	}}
	for range 2 {
		r.send("mia@acme", "POST", c.path("/checkpoint_writes_batch"), batch).want(http.StatusOK)
	}
	if rows, _ := r.rows(c, ""); len(rows) != 0 {
		r.t.Errorf("writes alone list %d checkpoints", len(rows))
	}
	r.save(c, fmt.Sprintf(`{"thread_ts":%q,"checkpoint":{"channel_values":{}},"metadata":{}}`, ts))
	rows, _ := r.rows(c, "")
	if len(rows) != 1 || len(rows[0].Writes) != 3 {
		r.t.Fatalf("the writes are not with their checkpoint: %+v", rows)
	}
	got := rows[0].Writes[1]
	if got.ID == 0 || got.ThreadTS != ts || got.Task != "t1" || got.Idx != -3 || got.Channel != "__interrupt__" || got.Type != "json" || got.Data != data {
		r.t.Errorf("the interrupt is %+v", got)
	}
}

func recordsModel(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	save := func(model string) {
		r.save(c, fmt.Sprintf(`{"thread_ts":%q,"checkpoint":{"channel_values":{}},"metadata":{},"model_metadata_json":%q}`, newTS(), model))
	}
	model := func() string {
		return string(r.send("mia@acme", "GET", c.path(""), nil).want(http.StatusOK).object()["selected_model_metadata_json"])
	}
	const chosen = `{"name": "claude",  "provider":"x"}`
	for _, m := range []string{chosen, "", "  ", strings.Repeat("m", 1025)} {
		if save(m); model() != fmt.Sprintf("%q", chosen) {
			r.t.Errorf("after %.20q the model is %s", m, model())
		}
	}
	if logs := r.logs.String(); !strings.Contains(logs, "model metadata dropped") || strings.Contains(logs, strings.Repeat("m", 1025)) {
		r.t.Error("a dropped model is not in the log, or in full")
	}
}

func marksMissingParent(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	parent, child := newTS(), newTS()
	save := func(ts, parent string) {
		r.save(c, fmt.Sprintf(`{"thread_ts":%q,"parent_ts":%s,"checkpoint":{"channel_values":{"a":[1]}},"metadata":{}}`, ts, parent))
	}
	save(child, fmt.Sprintf("%q", parent))
	if rows, _ := r.rows(c, ""); len(rows) != 1 || !rows[0].Missing {
		r.t.Errorf("a child alone is %+v", rows)
	}
	save(parent, "null")
	if rows, _ := r.rows(c, ""); len(rows) != 2 || rows[0].Missing || rows[1].Missing {
		r.t.Errorf("with its parent it is %+v", rows)
	}
}

func keepsLongLists(r *rig) {
	c := r.create("mia@acme", `{"goal":"keep"}`)
	var items []string
	want := map[string]string{}
	parent := "null"
	for step := range 4 {
		for range 70 {
			items = append(items, fmt.Sprintf(`{"n":%d,"text":"%s"}`, len(items), strings.Repeat("y", 80)))
		}
		ts := newTS()
		want[ts] = fmt.Sprintf(`{"channel_values":{"log":[%s],"step":%d,"same":"%s"}}`, strings.Join(items, ","), step, strings.Repeat("z", 200000))
		r.save(c, fmt.Sprintf(`{"thread_ts":%q,"parent_ts":%s,"checkpoint":%s,"metadata":{}}`, ts, parent, want[ts]))
		parent = fmt.Sprintf("%q", ts)
	}
	rows, _ := r.rows(c, "")
	for _, got := range rows {
		if string(got.Checkpoint) != want[got.ThreadTS] {
			r.t.Errorf("checkpoint %s has %d bytes, not %d, or others", got.ThreadTS, len(got.Checkpoint), len(want[got.ThreadTS]))
		}
	}
	// A page is bounded by its bytes; a row alone is always given.
	huge := strings.Repeat("h", 17<<20)
	for range 2 {
		r.save(c, fmt.Sprintf(`{"thread_ts":%q,"checkpoint":{"channel_values":{"huge":%q}},"metadata":{}}`, newTS(), huge))
	}
	r.send("mia@acme", "GET", c.path("/checkpoints"), nil).refused(413, domain.CodeTooLarge, "per_page")
	if rows, _ := r.rows(c, "?per_page=1"); len(rows) != 1 || len(rows[0].Checkpoint) < len(huge) {
		r.t.Error("a large checkpoint alone is not given")
	}
}
