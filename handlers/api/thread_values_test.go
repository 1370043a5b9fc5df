package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
)

// Threads that savers write: their values are of any type.
func TestThreadValues(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"what was put is got, as of any time": getsWhatWasPut,
		"values are shown as JSON":            showsValues,
		"what channels are made of":           tellsHistory,
		"compressed for other machines":       compressesAnswers,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func getsWhatWasPut(r *rig) {
	th := "агент / 7 😀\x00"
	one, two := v6(), v6()
	r.taken(r.write("mia@acme", th,
		put{id: one, versions: `{"a":1,"b":"1.0"}`, values: map[string]string{"a": "\x01", "b": "\xff\x00\n"}, metadata: `{"run_id":"r1"}`},
		pend{id: one, task: "t", writes: []string{`1:c:"x"`, `0:c:"y"`}},
		put{id: two, parent: one, versions: `{"a":2,"b":"1.0"}`, values: map[string]string{"a": "\x02"}},
	))
	got := r.threadGet("mia@acme", map[string]any{"thread_id": th})
	want := []channelValue{{"a", val{"msgpack", "\x02"}}, {"b", val{"msgpack", "\xff\x00\n"}}}
	if diff := cmp.Diff(want, got.Values); diff != "" || got.Thread != th || got.ID != two || *got.Parent != one {
		r.t.Errorf("%+v: %s", got, diff)
	}
	for _, listed := range []map[string]any{{"thread_id": th, "filter": map[string]any{"run_id": "r1"}}, {"filter": map[string]any{"run_id": "r1"}}} {
		page, _ := r.threadPage("mia@acme", listed)
		if len(page) != 1 || page[0].ID != one || page[0].Thread != th || len(page[0].Writes) != 2 || page[0].Writes[0].Value.Raw != `"y"` {
			r.t.Errorf("%v lists %+v", listed, page)
		}
	}
	// Put again, the same checkpoint is another; as of before it is what it was.
	r.taken(r.write("mia@acme", th, put{id: one, versions: `{"a":1}`, values: map[string]string{"a": "\x03"}, metadata: `{"run_id":"r2"}`}))
	if ids := r.threadList("mia@acme", map[string]any{"thread_id": th}); !slices.Equal(ids, []string{two, one}) {
		r.t.Errorf("after it was put again there are %v", ids)
	}
	if again := r.threadGet("mia@acme", map[string]any{"thread_id": th, "checkpoint_id": one}); len(again.Values) != 1 || again.Values[0].Value.Raw != "\x03" {
		r.t.Errorf("put again it is %+v", again)
	}
	var head struct{ Checkpoint json.RawMessage }
	d := r.send("mia@acme", "POST", "/v1/threads/get?at="+two, map[string]any{"thread_id": th, "checkpoint_id": one}).want(http.StatusOK).document(&head)
	if then := d.tuple(head.Checkpoint); len(then.Values) != 2 || string(then.Metadata) != `{"run_id":"r1"}` {
		r.t.Errorf("as of before it was %+v", then)
	}
	r.send("mia@acme", "POST", "/v1/threads/list?at="+two, map[string]any{}).refused(400, domain.CodeInvalidField, "at")
}

func showsValues(r *rig) {
	th := newThread()
	id := v6()
	ext := "\xc7\x0a\x00\x93\xa1m\xa1C\xa3arg" // what extension 0 says: m.C made of one argument
	ext = strings.Replace(ext, "\x0a", string(rune(len(ext)-3)), 1)
	written := r.taken(r.write("mia@acme", th,
		put{id: id, versions: `{"a":1,"b":1,"c":1}`, values: map[string]string{"a": ext, "b": "\xc1", "c": "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"}},
		pend{id: id, task: "t", writes: []string{`0:out:{"n": 1}`}},
		put{id: v6(), parent: id, typ: "msgpack+aes", values: map[string]string{"a": "secret"}, versions: `{"a":2}`},
	))
	const shown = `{"a":{"class":"m.C","value":"arg"},"b":{"type":"msgpack","base64":"wQ=="},"c":{"float":"nan"}}`
	c := created{UUID: written.Workflow}
	path := base + "/" + c.UUID.String() + "/checkpoints"
	for _, target := range []string{path + "/by_thread_ts?view=json&thread_ts=" + id, path + "/by_thread_ts?thread_ts=" + id} {
		var row struct {
			Checkpoint struct {
				V      int             `json:"v"`
				Values json.RawMessage `json:"channel_values"`
			}
			Writes []map[string]json.RawMessage `json:"checkpoint_writes"`
		}
		r.send("mia@acme", "GET", target, nil).want(http.StatusOK).into(&row)
		if string(row.Checkpoint.Values) != shown || row.Checkpoint.V != 4 {
			r.t.Errorf("%s shows %s", target, row.Checkpoint.Values)
		}
		member, want := "data", `"{\"n\": 1}"`
		if strings.Contains(target, "view") {
			member, want = "value", `{"n": 1}`
		}
		if len(row.Writes) != 1 || string(row.Writes[0][member]) != want {
			r.t.Errorf("%s has the writes %s", target, row.Writes)
		}
	}
	var rows []struct{ Checkpoint json.RawMessage }
	r.send("mia@acme", "GET", path+"?view=json", nil).want(http.StatusOK).into(&rows)
	if len(rows) != 2 || !strings.Contains(string(rows[0].Checkpoint), `"channel_values":{"a":{"type":"msgpack+aes","base64":"c2VjcmV0"}}`) {
		r.t.Errorf("listed it shows %s", rows)
	}
	var got struct {
		Checkpoint struct {
			Values, Writes []struct{ Value json.RawMessage }
		}
	}
	r.send("mia@acme", "POST", "/v1/threads/get", map[string]any{"thread_id": th, "checkpoint_id": id, "view": "json"}).want(http.StatusOK).into(&got)
	if v := got.Checkpoint; len(v.Values) != 3 || string(v.Values[2].Value) != `{"float":"nan"}` || string(v.Writes[0].Value) != `{"n": 1}` {
		r.t.Errorf("it is got as %s", v)
	}
	r.send("mia@acme", "GET", path+"?view=xml", nil).refused(400, domain.CodeInvalidField, "view")
	r.send("mia@acme", "POST", "/v1/threads/list", map[string]any{"view": "xml"}).refused(400, domain.CodeInvalidField, "view")
}

// told is the history of a channel: its writes, and its seed where it has one.
type told struct {
	Writes []string
	Seed   string
}

func (r *rig) history(body map[string]any) map[string]told {
	r.t.Helper()
	var head struct {
		Channels map[string]struct {
			Writes []struct {
				ID string `json:"checkpoint_id"`
				wireWrite
			}
			Seed json.RawMessage
		}
	}
	d := r.send("mia@acme", "POST", "/v1/threads/history", body).want(http.StatusOK).document(&head)
	out := map[string]told{}
	for name, c := range head.Channels {
		var h told
		for _, w := range c.Writes {
			h.Writes = append(h.Writes, fmt.Sprintf("%s %s:%d:%s:%s", w.ID, w.Task, w.Idx, w.Channel, d.value(w.Value).Raw))
		}
		if c.Seed != nil {
			v := d.value(c.Seed)
			h.Seed = v.Type + ":" + v.Raw
		}
		out[name] = h
	}
	return out
}

// tellsHistory: a root, a chain of five after it, and a branch beside it.
func tellsHistory(r *rig) {
	th := newThread()
	ids := []string{v6(), v6(), v6(), v6(), v6(), v6()}
	fork := v6()
	var operations []any
	for i, id := range ids {
		p := put{id: id, versions: "{}", values: map[string]string{}}
		if i > 0 {
			p.parent = ids[i-1]
		}
		if i == 1 || i == 2 {
			p.values["m"] = fmt.Sprint("seed ", i)
			p.versions = fmt.Sprintf(`{"m":%d}`, i)
		}
		operations = append(operations, p, pend{id: id, task: "b", writes: []string{fmt.Sprintf("0:m:%d0", i), fmt.Sprintf("1:n:%d1", i)}}, pend{id: id, task: "a", writes: []string{fmt.Sprintf("0:m:%d2", i)}})
	}
	operations = append(operations, put{id: fork, parent: ids[2]}, pend{id: fork, task: "a", writes: []string{"0:m:999"}})
	r.taken(r.write("mia@acme", th, operations...))
	write := func(i int, rest string) string { return ids[i] + " " + rest }
	m2 := []string{write(2, "a:0:m:22"), write(2, "b:0:m:20")}
	m := append(slices.Clone(m2), write(3, "a:0:m:32"), write(3, "b:0:m:30"), write(4, "a:0:m:42"), write(4, "b:0:m:40"))
	var n []string
	for i := range 5 {
		n = append(n, write(i, fmt.Sprintf("b:1:n:%d1", i)))
	}
	for name, test := range map[string]struct {
		id       string
		channels []string
		want     map[string]told
	}{
		"two channels": {ids[5], []string{"m", "n"}, map[string]told{"m": {m, "msgpack:seed 2"}, "n": {Writes: n}}},
		"of a branch":  {fork, []string{"m"}, map[string]told{"m": {m2, "msgpack:seed 2"}}},
		"of a seed":    {ids[2], []string{"m"}, map[string]told{"m": {[]string{write(1, "a:0:m:12"), write(1, "b:0:m:10")}, "msgpack:seed 1"}}},
		"of the root":  {ids[0], []string{"m", "x"}, map[string]told{"m": {}, "x": {}}},
		"of nothing":   {v6(), []string{"m"}, map[string]told{"m": {}}},
		"no channels":  {ids[5], []string{}, map[string]told{}},
		"twice":        {ids[1], []string{"n", "n"}, map[string]told{"n": {Writes: n[:1]}}},
	} {
		if diff := cmp.Diff(test.want, r.history(map[string]any{"thread_id": th, "checkpoint_id": test.id, "channels": test.channels})); diff != "" {
			r.t.Errorf("%s: %s", name, diff)
		}
	}
	// The newest by its id is the fork.
	if got := r.history(map[string]any{"thread_id": th, "channels": []string{"m"}}); len(got["m"].Writes) != 2 {
		r.t.Errorf("of the newest: %+v", got)
	}
	if got := r.history(map[string]any{"thread_id": newThread(), "channels": []string{"m"}}); len(got) != 1 || got["m"].Writes != nil {
		r.t.Errorf("of an unknown thread: %+v", got)
	}
	r.longHistory()
	for _, body := range []string{`{"thread_id":"x"}`, `{"thread_id":"x","channels":{}}`} {
		r.send("mia@acme", "POST", "/v1/threads/history", body).refused(400, domain.CodeInvalidField, "channels")
	}
	r.send("mia@acme", "POST", "/v1/threads/history", `{"thread_id":"x","channels":["a",7]}`).refused(400, domain.CodeInvalidField, "channels[1]")
}

// longHistory: more ancestors than are read at once, and parents in a circle.
func (r *rig) longHistory() {
	r.t.Helper()
	th := newThread()
	const steps = 600
	parent := ""
	var first string
	for range steps / 30 {
		var operations []any
		for range 30 {
			id := v6()
			operations = append(operations, put{id: id, parent: parent}, pend{id: id, task: "t", writes: []string{"0:m:1"}})
			parent = id
			if first == "" {
				first = id
			}
		}
		r.taken(r.write("mia@acme", th, operations...))
	}
	if got := r.history(map[string]any{"thread_id": th, "channels": []string{"m"}}); len(got["m"].Writes) != steps-1 {
		r.t.Errorf("%d of %d writes", len(got["m"].Writes), steps-1)
	}
	r.taken(r.write("mia@acme", th, put{id: first, parent: parent}))
	if got := r.history(map[string]any{"thread_id": th, "channels": []string{"m"}}); len(got["m"].Writes) != steps-1 {
		r.t.Errorf("in a circle %d of %d writes", len(got["m"].Writes), steps-1)
	}
}

// compressesAnswers: on its way to the same machine an answer is not compressed.
func compressesAnswers(r *rig) {
	th := newThread()
	large := strings.Repeat("some text of a message. ", 1000)
	r.taken(r.write("mia@acme", th, put{id: v6(), versions: `{"a":1}`, values: map[string]string{"a": large}}))
	for _, test := range []struct{ peer, accepts, encoding string }{
		{"192.0.2.1:1234", "gzip, deflate", "gzip"},
		{"192.0.2.1:1234", "", ""},
		{"192.0.2.1:1234", "identity", ""},
		{"127.0.0.1:1234", "gzip", ""},
		{"[::1]:1234", "gzip", ""},
		{"[::ffff:127.0.0.1]:1234", "gzip", ""},
	} {
		req := httptest.NewRequestWithContext(r.t.Context(), "POST", "/v1/threads/get", bytes.NewReader(bodyOf(r.t, map[string]any{"thread_id": th})))
		req.RemoteAddr = test.peer
		req.Header.Set("Authorization", "Bearer mia@acme")
		req.Header.Set("Accept-Encoding", test.accepts)
		w := httptest.NewRecorder()
		r.api.ServeHTTP(w, req)
		body := io.Reader(w.Body)
		if test.encoding == "gzip" {
			var err error
			body, err = gzip.NewReader(w.Body)
			must(r.t, err)
		} else if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
			r.t.Errorf("%+v: %s bytes are said to follow", test, got)
		}
		raw, err := io.ReadAll(body)
		must(r.t, err)
		if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != test.encoding || !strings.HasSuffix(string(raw), large) {
			r.t.Errorf("%+v: status %d, encoding %q, %d bytes", test, w.Code, w.Header().Get("Content-Encoding"), len(raw))
		}
	}
}
