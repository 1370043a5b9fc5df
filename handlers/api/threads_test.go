package api_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/projections"
)

func TestThreads(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"the first put makes the workflow":                     makesTheWorkflow,
		"values that did not come are the parent's":            carriesValues,
		"forks do not leak":                                    keepsForksApart,
		"a copy beside finds its values":                       findsElsewhere,
		"operations of one request are decided in order":       decidesInOrder,
		"a repeat with its key is the old answer":              repeatsOperations,
		"writes, first and last":                               putsWrites,
		"any thread id":                                        takesAnyThreadID,
		"a workflow of the Duo API goes on as a thread":        continuesWorkflows,
		"values of megabytes":                                  takesLargeValues,
		"a deleted thread stays deleted, and begins anew":      deletesThreads,
		"another tenant's thread is another, and so for a run": keepsTenantsApart,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

// headOf reads the head of values for the contract.
func headOf(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(values.Split(raw).Head, &out)
}

// put is one checkpoint as a test says it.
type put struct {
	key, ns, id, parent string
	// versions is channel_versions as JSON; metadata is {} unless it is set.
	versions, metadata string
	values             map[string]string
	typ                string
}

// pend is pending writes of a task; each is idx:channel:value.
type pend struct {
	key, ns, id, task string
	writes            []string
}

// threadBody writes the body of a request.
func threadBody(t *testing.T, thread string, operations ...any) []byte {
	t.Helper()
	var tail values.Tail
	list := make([]any, len(operations))
	for i, o := range operations {
		switch o := o.(type) {
		case put:
			list[i] = o.member(&tail)
		case pend:
			list[i] = o.member(&tail)
		default:
			list[i] = o
		}
	}
	head, err := json.Marshal(map[string]any{"thread_id": thread, "operations": list})
	must(t, err)
	return tail.Document(head)
}

func (p put) member(tail *values.Tail) map[string]any {
	if p.metadata == "" {
		p.metadata = "{}"
	}
	if p.typ == "" {
		p.typ = "msgpack"
	}
	if p.versions == "" {
		p.versions = "{}"
	}
	list := []any{}
	for name, v := range p.values {
		list = append(list, map[string]any{"channel": name, "value": json.RawMessage(tail.Add(p.typ, []byte(v)))})
	}
	member := map[string]any{
		"checkpoint_ns": p.ns, "checkpoint_id": p.id, "parent_checkpoint_id": nil, "values": list,
		"checkpoint": json.RawMessage(fmt.Sprintf(`{"v":4,"id":%q,"channel_versions":%s}`, p.id, p.versions)), "metadata": json.RawMessage(p.metadata),
	}
	if p.parent != "" {
		member["parent_checkpoint_id"] = p.parent
	}
	return map[string]any{"key": p.key, "put": member}
}

func (p pend) member(tail *values.Tail) map[string]any {
	list := []any{}
	for _, w := range p.writes {
		parts := strings.SplitN(w, ":", 3)
		list = append(list, map[string]any{"idx": json.RawMessage(parts[0]), "channel": parts[1], "value": json.RawMessage(tail.Add("json", []byte(parts[2])))})
	}
	return map[string]any{"key": p.key, "writes": map[string]any{"checkpoint_ns": p.ns, "checkpoint_id": p.id, "task_id": p.task, "task_path": "~path", "writes": list}}
}

// written is the answer of a write.
type written struct {
	Thread      string    `json:"thread_id"`
	Workflow    uuid.UUID `json:"workflow"`
	Incarnation int       `json:"incarnation"`
	Results     []struct {
		Put *struct {
			ID     string `json:"checkpoint_id"`
			Number int64  `json:"number"`
		} `json:"put"`
		Writes *struct{} `json:"writes"`
		Error  *refusal  `json:"error"`
	} `json:"results"`
}

func (r *rig) write(who, thread string, operations ...any) written {
	r.t.Helper()
	var out written
	a := r.send(who, "POST", "/v1/threads/write", threadBody(r.t, thread, operations...), "Content-Type", values.ContentType).want(http.StatusOK).into(&out)
	if got := a.header.Get("Duolog-Threads"); got != "1" {
		r.t.Errorf("Duolog-Threads is %q", got)
	}
	if len(out.Results) != len(operations) {
		r.t.Fatalf("%d results: %s", len(out.Results), a.body)
	}
	return out
}

// taken fails the test where an operation was refused.
func (r *rig) taken(w written) written {
	r.t.Helper()
	for i, result := range w.Results {
		if result.Error != nil {
			r.t.Fatalf("operation %d: %+v", i, *result.Error)
		}
	}
	return w
}

// refusedWith fails the test unless that operation was refused so.
func (r *rig) refusedWith(w written, i int, code domain.Code, field string) {
	r.t.Helper()
	e := w.Results[i].Error
	if e == nil || e.Code != string(code) || e.Field != field || e.Fix == "" {
		r.t.Fatalf("operation %d is %+v, not %s of %q", i, w.Results[i], code, field)
	}
}

// state is what is stored of a checkpoint: its channels as type:bytes, and its writes
// as task:idx:channel:bytes. Nil where there is no checkpoint and no write.
func (r *rig) state(thread, ns, id string) (channels map[string]string, writes []string) {
	r.t.Helper()
	key := projections.ShortKeyOf(workflow.ThreadStream("acme", thread).String())
	var names, ids []byte
	rows, err := r.node.DB.Read.Query(r.t.Context(), `SELECT channels, ids FROM checkpoints WHERE stream = $1 AND ns_hash = $2 AND thread_ts = $3 ORDER BY number DESC LIMIT 1`, key, projections.NSHash(ns), uuid.MustParse(id))
	must(r.t, err)
	defer rows.Close()
	if rows.Next() {
		must(r.t, rows.Scan(&names, &ids))
		channels = map[string]string{}
		rows.Close()
		addresses, err := projections.UnpackChannels(names, ids)
		must(r.t, err)
		for name, id := range addresses {
			var raw, part []byte
			must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT `+projections.ManifestColumns+` FROM manifests m WHERE m.stream = $1 AND m.id = $2`, key, id[:]).Scan(&raw, &part))
			m, err := value.ReadManifest(raw, part)
			must(r.t, err)
			channels[name] = m.Type + ":" + string(r.assemble(key, m))
		}
	}
	rows, err = r.node.DB.Read.Query(r.t.Context(), `SELECT `+projections.WriteColumns+` FROM writes w WHERE w.stream = $1 AND w.ns_hash = $2 AND w.thread_ts = $3`, key, projections.NSHash(ns), uuid.MustParse(id))
	must(r.t, err)
	written, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w projections.WriteRow, err error) { return w, row.Scan(w.Columns()...) })
	must(r.t, err)
	codec, err := projections.NewCodec()
	must(r.t, err)
	latest, err := codec.LatestWrites(written)
	must(r.t, err)
	for _, w := range latest {
		m, err := w.Value.Resolve(nil, nil)
		must(r.t, err)
		writes = append(writes, fmt.Sprintf("%s:%d:%s:%s", w.Task, w.Idx, w.Channel, r.assemble(key, m)))
	}
	return channels, writes
}

func (r *rig) assemble(key projections.ShortKey, m value.Manifest) []byte {
	r.t.Helper()
	codec, err := projections.NewCodec()
	must(r.t, err)
	raw, err := value.Assemble(m, func(want []value.Address) (map[value.Address][]byte, error) {
		out := map[value.Address][]byte{}
		for _, a := range want {
			var c int16
			var data []byte
			if err := r.node.DB.Read.QueryRow(r.t.Context(), `SELECT codec, data FROM blobs WHERE stream = $1 AND address = $2`, key, a[:]).Scan(&c, &data); err != nil {
				return nil, err
			}
			if out[a], err = codec.UnpackBlob(c, data); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	must(r.t, err)
	return raw
}

func (r *rig) channels(thread, id string, want map[string]string) {
	r.t.Helper()
	got, _ := r.state(thread, "", id)
	if d := cmp.Diff(want, got); d != "" {
		r.t.Fatalf("checkpoint %s: %s", id, d)
	}
}

// v6 makes checkpoint ids as LangGraph does: RFC 9562, which uuid.NewV6 is not.
func v6() string {
	one := uuid.Must(uuid.NewUUID())
	ticks := uint64(one.Time())
	out := one
	binary.BigEndian.PutUint64(out[:8], ticks>>12<<16|6<<12|ticks&0xfff)
	return out.String()
}

func newThread() string { return "thread " + uuid.NewString() }

func makesTheWorkflow(r *rig) {
	th, id := newThread(), v6()
	out := r.taken(r.write("mia@acme", th, put{id: id, versions: `{"a":"1.x"}`, values: map[string]string{"a": "\x91\xa1a"}, metadata: `{ "step": -1, "run_id":"r1"}`}))
	if out.Thread != th || out.Incarnation != 1 || out.Results[0].Put.Number == 0 || out.Workflow != workflow.ThreadStream("acme", th).ID {
		r.t.Errorf("%+v", out)
	}
	r.channels(th, id, map[string]string{"a": "msgpack:\x91\xa1a"})
	var wf struct {
		Status     string `json:"status"`
		Definition string `json:"workflow_definition"`
	}
	r.send("mia@acme", "GET", base+"/"+out.Workflow.String(), nil).want(http.StatusOK).into(&wf)
	if wf.Status != "created" || wf.Definition != "langgraph" {
		r.t.Errorf("%+v", wf)
	}
	var name, run []byte
	must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT w.thread, c.run_id FROM workflows w JOIN checkpoints c ON c.stream = w.short_key WHERE w.id = $1`, out.Workflow).Scan(&name, &run))
	if string(name) != th || string(run) != "r1" {
		r.t.Errorf("thread %q of run %q", name, run)
	}
}

func carriesValues(r *rig) {
	th, one, two, three := newThread(), v6(), v6(), v6()
	r.taken(r.write("mia@acme", th, put{id: one, versions: `{"a":1,"b":1,"c":1}`, values: map[string]string{"a": "A", "b": "B", "c": "C"}}))
	// b changes, c is gone, d has a version and no value that anybody has.
	r.taken(r.write("mia@acme", th, put{id: two, parent: one, versions: `{"a":1,"b":2,"d":7}`, values: map[string]string{"b": "B2"}}))
	r.channels(th, two, map[string]string{"a": "msgpack:A", "b": "msgpack:B2"})
	r.taken(r.write("mia@acme", th, put{id: three, parent: two, versions: `{"a":1,"b":2,"c":2}`}))
	r.channels(th, three, map[string]string{"a": "msgpack:A", "b": "msgpack:B2"})
	r.channels(th, one, map[string]string{"a": "msgpack:A", "b": "msgpack:B", "c": "msgpack:C"})
	// A number is not the text of it.
	four := v6()
	r.taken(r.write("mia@acme", th, put{id: four, parent: three, versions: `{"a":"1","b":2}`}))
	r.channels(th, four, map[string]string{"b": "msgpack:B2"})
	// The same id again: what it says now counts.
	r.taken(r.write("mia@acme", th, put{id: four, parent: three, versions: `{"a":1}`, metadata: `{"again":true}`}))
	r.channels(th, four, map[string]string{"a": "msgpack:A"})
}

func keepsForksApart(r *rig) {
	th, root, left, right, after := newThread(), v6(), v6(), v6(), v6()
	r.taken(r.write("mia@acme", th, put{id: root, versions: `{"a":1}`, values: map[string]string{"a": "root"}}))
	r.taken(r.write("mia@acme", th, put{id: left, parent: root, versions: `{"a":2}`, values: map[string]string{"a": "left"}}))
	r.taken(r.write("mia@acme", th, put{id: right, parent: root, versions: `{"a":2}`, values: map[string]string{"a": "right"}}))
	r.taken(r.write("mia@acme", th, put{id: after, parent: left, versions: `{"a":2}`}))
	r.channels(th, after, map[string]string{"a": "msgpack:left"})
	// A parent that has no value at the version says that there is none.
	delta, next := v6(), v6()
	r.taken(r.write("mia@acme", th, put{id: delta, parent: root, versions: `{"a":2}`, metadata: `{"counters_since_delta_snapshot":{"a":[1,1]}}`}))
	r.channels(th, delta, map[string]string{})
	r.taken(r.write("mia@acme", th, put{id: next, parent: delta, versions: `{"a":2}`}))
	r.channels(th, next, map[string]string{})
}

func findsElsewhere(r *rig) {
	th, root, saved, beside := newThread(), v6(), v6(), v6()
	r.taken(r.write("mia@acme", th, put{id: root, versions: `{"a":"1.a"}`, values: map[string]string{"a": "one"}}))
	r.taken(r.write("mia@acme", th, put{id: saved, parent: root, versions: `{"a":"2.b"}`, values: map[string]string{"a": strings.Repeat("two ", 400)}}))
	for range 70 { // further back than one page
		saved = v6()
		r.taken(r.write("mia@acme", th, put{id: saved, versions: `{"b":"9.z"}`, values: map[string]string{"b": "x"}}))
	}
	// update_state with __copy__ puts a copy under the parent of what it copies.
	r.taken(r.write("mia@acme", th, put{id: beside, parent: root, versions: `{"a":"2.b"}`}))
	r.channels(th, beside, map[string]string{"a": "msgpack:" + strings.Repeat("two ", 400)})
}

func decidesInOrder(r *rig) {
	th, one, two := newThread(), v6(), v6()
	out := r.write("mia@acme", th,
		put{id: one, versions: `{"a":1,"b":1}`, values: map[string]string{"a": "A", "b": "B"}},
		pend{id: one, task: "t", writes: []string{"0:a:1"}},
		put{id: "no", versions: `{}`},
		put{id: two, parent: one, versions: `{"a":1,"b":2}`, values: map[string]string{"b": "B2"}},
		pend{id: two, task: "t", writes: []string{"0:a:2", "1:b:3"}},
		map[string]any{},
	)
	r.refusedWith(out, 2, domain.CodeInvalidField, "put.checkpoint_id")
	r.refusedWith(out, 5, domain.CodeInvalidField, "put")
	if out.Results[0].Put == nil || out.Results[1].Writes == nil || out.Results[3].Put == nil || out.Results[4].Writes == nil {
		r.t.Errorf("%+v", out.Results)
	}
	r.channels(th, two, map[string]string{"a": "msgpack:A", "b": "msgpack:B2"})
	if _, writes := r.state(th, "", two); !cmp.Equal(writes, []string{"t:0:a:2", "t:1:b:3"}) {
		r.t.Errorf("%q", writes)
	}
	var commits int
	must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT count(*) FROM commits WHERE stream = $1`, projections.ShortKeyOf(workflow.ThreadStream("acme", th).String())).Scan(&commits))
	if commits != 1 { // what is decided together is written together
		r.t.Errorf("%d commits", commits)
	}
}

func repeatsOperations(r *rig) {
	th, one, key := newThread(), v6(), uuid.NewString()
	first := put{key: key, id: one, versions: `{"a":1}`, values: map[string]string{"a": "A"}}
	writes := pend{key: uuid.NewString(), id: one, task: "t", writes: []string{"-1:__error__:1"}}
	a := r.taken(r.write("mia@acme", th, first, writes))
	r.taken(r.write("mia@acme", th, pend{id: one, task: "t", writes: []string{"-1:__error__:2"}}))
	b := r.taken(r.write("mia@acme", th, writes, first, first))
	for _, i := range []int{1, 2} {
		if got, want := b.Results[i].Put.Number, a.Results[0].Put.Number; got != want {
			r.t.Errorf("number %d, then %d", want, got)
		}
	}
	if _, got := r.state(th, "", one); !cmp.Equal(got, []string{"t:-1:__error__:2"}) {
		r.t.Errorf("a late repeat changed %q", got)
	}
	other := first
	other.values = map[string]string{"a": "other"}
	r.refusedWith(r.write("mia@acme", th, other), 0, domain.CodeKeyReused, "Idempotency-Key")
}

func putsWrites(r *rig) {
	th, id := newThread(), v6()
	for _, batch := range [][]string{
		{"0:a:1", "1:b:1"},
		{"0:a:2", "2:c:2"},                       // the first wins
		{"-1:__error__:1", "-3:__interrupt__:1"}, // alone, special ones
		{"-1:__error__:2"},                       // replace
		{"-1:__error__:3", "3:d:3"},              // not beside others
		{"-4:__resume__:1", "4:e:\"" + strings.Repeat("é", 3000) + "\""}, // of some length
	} {
		r.taken(r.write("mia@acme", th, pend{id: id, task: "t", writes: batch}))
	}
	channels, writes := r.state(th, "", id)
	want := []string{"t:-4:__resume__:1", "t:-3:__interrupt__:1", "t:-1:__error__:2", "t:0:a:1", "t:1:b:1", "t:2:c:2", "t:3:d:3", "t:4:e:\"" + strings.Repeat("é", 3000) + "\""}
	if d := cmp.Diff(want, writes); d != "" || channels != nil {
		r.t.Errorf("writes before their checkpoint: %s", d)
	}
	r.taken(r.write("mia@acme", th, put{id: id, versions: `{"a":1}`, values: map[string]string{"a": "A"}}))
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("%d:__pregel_tasks:%q", i, strings.Repeat("x", 200))
	}
	r.taken(r.write("mia@acme", th, pend{key: uuid.NewString(), id: id, task: "many", writes: many}))
	if _, writes = r.state(th, "", id); len(writes) != len(want)+len(many) {
		r.t.Errorf("%d writes", len(writes))
	}
}

func takesAnyThreadID(r *rig) {
	for _, th := range []string{
		"a/b\\c d?e#f%2f", "😀 ключ \n\t", "nul \x00 inside", strings.Repeat("é", 512), uuid.NewString(), strings.ToUpper(uuid.NewString()), "..", "<b>&",
	} {
		id := v6()
		out := r.taken(r.write("mia@acme", th, put{id: id, versions: `{"a":1}`, values: map[string]string{"a": th}}))
		if out.Thread != th {
			r.t.Errorf("%q came back as %q", th, out.Thread)
		}
		r.channels(th, id, map[string]string{"a": "msgpack:" + th})
	}
	for _, th := range []string{"", strings.Repeat("x", 10<<10), strings.Repeat("é", 513)} {
		code, status := domain.CodeTooLarge, http.StatusRequestEntityTooLarge
		if th == "" {
			code, status = domain.CodeInvalidField, http.StatusBadRequest
		}
		r.send("mia@acme", "POST", "/v1/threads/write", threadBody(r.t, th, put{id: v6()}), "Content-Type", values.ContentType).refused(status, code, "thread_id")
	}
}

func continuesWorkflows(r *rig) {
	c := r.create("mia@acme", `{"goal":"go on","start_workflow":true}`)
	parent := newTS()
	r.save(c, fmt.Sprintf(`{"thread_ts":%q,"metadata":{},"checkpoint":{"v":4,"channel_values":{"a":[1, 2],"b":{"x":1}},"channel_versions":{"a":"3","b":"1"}}}`, parent))
	id := v6()
	out := r.taken(r.write(runToken("acme", c, 1), c.UUID.String(), put{id: id, parent: parent, versions: `{"a":"3","b":"2"}`, values: map[string]string{"b": "B"}}))
	if out.Workflow != c.UUID || out.Incarnation != 1 {
		r.t.Errorf("%+v", out)
	}
	r.channels(c.UUID.String(), id, map[string]string{"a": "json:[1, 2]", "b": "msgpack:B"})
	r.refusedWith(r.write(runToken("acme", c, 0), c.UUID.String(), put{id: v6()}), 0, domain.CodeStaleRun, "")
}

func takesLargeValues(r *rig) {
	th, one, two := newThread(), v6(), v6()
	noise := make([]byte, 5<<20)
	for i := range noise {
		noise[i] = byte(uint32(i) * 2654435761 >> 13)
	}
	large := map[string]string{"a": string(noise), "b": strings.Repeat("b", 700<<10)}
	r.taken(r.write("mia@acme", th, put{id: one, versions: `{"a":1,"b":1}`, values: large, typ: "msgpack+aes"}, pend{id: one, task: "t", writes: []string{"0:a:" + string(noise[:3<<20]), "1:b:" + string(noise[1<<20:2<<20])}}))
	r.taken(r.write("mia@acme", th, put{id: two, parent: one, versions: `{"a":1,"b":2}`, values: map[string]string{"b": "-"}}))
	got, _ := r.state(th, "", two)
	if got["a"] != "msgpack+aes:"+large["a"] || got["b"] != "msgpack:-" {
		r.t.Error("a large value came back otherwise")
	}
	_, writes := r.state(th, "", one)
	if len(writes) != 2 || writes[0] != "t:0:a:"+string(noise[:3<<20]) || writes[1] != "t:1:b:"+string(noise[1<<20:2<<20]) {
		r.t.Error("a large write came back otherwise")
	}
}

func deletesThreads(r *rig) {
	th, one, two := newThread(), v6(), v6()
	remove := func() {
		r.send("mia@acme", "POST", "/v1/threads/delete", map[string]string{"thread_id": th}).want(http.StatusOK)
	}
	remove() // there is nothing
	first := put{key: uuid.NewString(), id: one, versions: `{"a":1}`, values: map[string]string{"a": strings.Repeat("long ", 1000)}}
	r.taken(r.write("mia@acme", th, first, put{ns: "sub:1", id: one, values: map[string]string{"x": "y"}}, pend{id: two, task: "t", writes: []string{"0:a:1"}}))
	late := v6()
	remove()
	remove()
	for _, table := range []string{"checkpoints", "writes", "manifests", "manifest_parts", "blobs"} {
		var n int
		must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT count(*) FROM `+table+` WHERE stream = $1`, projections.ShortKeyOf(workflow.ThreadStream("acme", th).String())).Scan(&n))
		if n != 0 {
			r.t.Errorf("%d rows of %s are left", n, table)
		}
	}
	out := r.write("mia@acme", th, put{id: two, parent: one}, pend{id: one, task: "t", writes: []string{"0:a:1"}}, put{id: late}, first)
	for i := range 3 {
		r.refusedWith(out, i, domain.CodeThreadDeleted, "")
	}
	if out.Results[3].Put == nil || out.Incarnation != 1 {
		r.t.Errorf("a repeat of what was done is %+v", out)
	}
	r.channels(th, one, nil)
	anew := v6()
	again := r.taken(r.write("mia@acme", th, put{id: anew, versions: `{"a":1}`, values: map[string]string{"a": "anew"}}))
	if again.Incarnation != 2 {
		r.t.Errorf("%+v", again)
	}
	r.channels(th, anew, map[string]string{"a": "msgpack:anew"})
	out = r.write("mia@acme", th, put{id: late}, put{id: v6(), parent: anew})
	r.refusedWith(out, 0, domain.CodeThreadDeleted, "")
	body := bytes.Replace(threadBody(r.t, th, put{id: v6(), parent: anew}), []byte(`"operations"`), []byte(`"incarnation":1,"operations"`), 1)
	var stated written
	r.send("mia@acme", "POST", "/v1/threads/write", body, "Content-Type", values.ContentType).want(http.StatusOK).into(&stated)
	r.refusedWith(stated, 0, domain.CodeThreadDeleted, "")
}

func keepsTenantsApart(r *rig) {
	th, id := newThread(), v6()
	r.taken(r.write("mia@acme", th, put{id: id, versions: `{"a":1}`, values: map[string]string{"a": "mine"}}))
	r.taken(r.write("eve@other", th, put{id: id, versions: `{"a":1}`, values: map[string]string{"a": "other"}}))
	r.channels(th, id, map[string]string{"a": "msgpack:mine"})
	c := r.create("mia@acme", `{"goal":"x","start_workflow":true}`)
	body := threadBody(r.t, th, put{id: v6()})
	r.send(runToken("acme", c, 1), "POST", "/v1/threads/write", body, "Content-Type", values.ContentType).refused(http.StatusNotFound, domain.CodeNotFound, "")
	a := r.send("", "POST", "/v1/threads/write", body, "Content-Type", values.ContentType)
	a.refused(http.StatusUnauthorized, domain.CodeUnauthenticated, "")
	if a.header.Get("Duolog-Threads") != "1" {
		r.t.Error("a refusal does not name the version")
	}
}
