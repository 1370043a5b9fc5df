package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// Threads over checkpoints that were saved through the Duo Workflow API: the same
// tables, the other way in.
func TestThreadReads(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"the newest, one by its id, none":             getsThread,
		"writes in the order of path, task and index": ordersWrites,
		"sends of a parent of an old format":          sendsOfParent,
		"pages, namespaces, before and limit":         listsThread,
		"a filter looks at the metadata":              filtersThreads,
		"all threads of a tenant, and no other's":     listsTenant,
		"a run has its own thread":                    boundsRuns,
		"bad input":                                   refusesThreadReads,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func (r *rig) saveStep(c created, ns, ts, parent, checkpoint, metadata string) {
	r.t.Helper()
	r.save(c, fmt.Sprintf(`{"checkpoint":%s,"thread_ts":%q,"parent_ts":%q,"checkpoint_ns":%q,"metadata":%s}`, checkpoint, ts, parent, ns, metadata))
}

func getsThread(r *rig) {
	c := r.create("mia@acme", `{"goal":"thread"}`)
	thread := c.UUID.String()
	if got := r.threadGet("mia@acme", map[string]any{"thread_id": thread}); got != nil {
		r.t.Errorf("a workflow without checkpoints has %+v", got)
	}
	if got := r.threadGet("mia@acme", map[string]any{"thread_id": "никто / 😀\x00"}); got != nil {
		r.t.Errorf("a thread that nobody knows has %+v", got)
	}
	first, second := newTS(), newTS()
	const header = "{ \"v\":4,\n \"channel_versions\" : {\"a\":1,\"b\":\"2\"}"
	r.saveStep(c, "", second, first, header+`, "channel_values": {"b": [ 1 ,2], "a":"x"} }`, `{"step": 1}`)
	r.saveStep(c, "", first, "", `{"channel_values":{"a":"x"},"v":4}`, `{"step":0}`)
	got := r.threadGet("mia@acme", map[string]any{"thread_id": thread, "checkpoint_ns": ""})
	want := &tuple{
		Thread: thread, ID: second, Parent: &first, Metadata: json.RawMessage(`{"step": 1}`), Number: got.Number, Created: got.Created,
		Checkpoint: json.RawMessage(strings.ReplaceAll(header, "\n", " ") + " }"),
		Values:     []channelValue{{"a", val{"json", `"x"`}}, {"b", val{"json", `[ 1 ,2]`}}},
	}
	// Between two members there is no space once one of them is gone.
	got.Checkpoint = json.RawMessage(strings.ReplaceAll(string(got.Checkpoint), `4,"c`, `4,  "c`))
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Error(diff)
	}
	got = r.threadGet("mia@acme", map[string]any{"thread_id": thread, "checkpoint_id": first})
	if got.ID != first || got.Parent != nil || string(got.Checkpoint) != `{"v":4}` || len(got.Values) != 1 {
		r.t.Errorf("by id it is %+v", got)
	}
	for _, body := range []map[string]any{
		{"thread_id": thread, "checkpoint_id": newTS()}, {"thread_id": thread, "checkpoint_ns": "other"}, {"thread_id": thread, "checkpoint_ns": "other", "checkpoint_id": first},
	} {
		if got := r.threadGet("mia@acme", body); got != nil {
			r.t.Errorf("%v has %+v", body, got)
		}
	}
	if got := r.threadGet("bob@other", map[string]any{"thread_id": thread}); got != nil {
		r.t.Errorf("another tenant reads %+v", got)
	}
}

func (r *rig) saveWrites(c created, ts, writes string) {
	r.t.Helper()
	r.send("mia@acme", "POST", c.path("/checkpoint_writes_batch"), fmt.Sprintf(`{"thread_ts":%q,"checkpoint_writes":[%s]}`, ts, writes)).want(http.StatusOK)
}

func ordersWrites(r *rig) {
	c := r.create("mia@acme", `{"goal":"thread"}`)
	ts := newTS()
	r.saveWrites(c, ts, `{"task":"t2","task_path":"~a","idx":1,"channel":"c","data":"1"},{"task":"t2","task_path":"~a","idx":0,"channel":"c","data":"2"},
		{"task":"t1","task_path":"~b","idx":0,"channel":"c","data":"3"},{"task":"t3","task_path":"~a","idx":-3,"channel":"__interrupt__","write_type":"msgpack","data":"4"}`)
	if got := r.threadGet("mia@acme", map[string]any{"thread_id": c.UUID}); got != nil {
		r.t.Errorf("writes without their checkpoint are %+v", got)
	}
	r.saveStep(c, "", ts, "", `{"v":4}`, `{}`)
	got := r.threadGet("mia@acme", map[string]any{"thread_id": c.UUID})
	want := []threadWrite{
		{"t2", "~a", 0, "c", val{"json", "2"}},
		{"t2", "~a", 1, "c", val{"json", "1"}},
		{"t3", "~a", -3, "__interrupt__", val{"msgpack", "4"}},
		{"t1", "~b", 0, "c", val{"json", "3"}},
	}
	if diff := cmp.Diff(want, got.Writes); diff != "" {
		r.t.Error(diff)
	}
}

func sendsOfParent(r *rig) {
	c := r.create("mia@acme", `{"goal":"thread"}`)
	parent, old, child := newTS(), newTS(), newTS()
	r.saveStep(c, "", parent, "", `{"v":1,"channel_values":{}}`, `{}`)
	r.saveWrites(c, parent, `{"task":"t2","idx":0,"channel":"__pregel_tasks","data":"2"},{"task":"t1","idx":1,"channel":"__pregel_tasks","data":"1"},{"task":"t1","idx":0,"channel":"other","data":"0"}`)
	r.saveStep(c, "", old, parent, `{"v":3,"channel_values":{}}`, `{}`)
	r.saveStep(c, "", child, parent, `{"v":4,"channel_values":{}}`, `{}`)
	get := func(id string) *tuple {
		return r.threadGet("mia@acme", map[string]any{"thread_id": c.UUID, "checkpoint_id": id})
	}
	want := []threadWrite{{"t1", "", 1, "", val{"json", "1"}}, {"t2", "", 0, "", val{"json", "2"}}}
	if diff := cmp.Diff(want, get(old).Sends); diff != "" {
		r.t.Error(diff)
	}
	if a, b := get(child), get(parent); a.Sends != nil || b.Sends != nil || len(b.Writes) != 3 {
		r.t.Errorf("sends of %+v and of %+v", a, b)
	}
}

func listsThread(r *rig) {
	c := r.create("mia@acme", `{"goal":"thread"}`)
	big := strings.Repeat("same ", 1000)
	var all, root []string
	for i := range 7 {
		ts, ns := newTS(), []string{"", "sub:1"}[i%2]
		r.saveStep(c, ns, ts, "", fmt.Sprintf(`{"v":4,"channel_values":{"a":%q,"n":%d}}`, big, i), `{}`)
		all = append([]string{ts}, all...)
		if ns == "" {
			root = append([]string{ts}, root...)
		}
	}
	list := func(body map[string]any) []string {
		body["thread_id"] = c.UUID
		return r.threadList("mia@acme", body)
	}
	for name, test := range map[string]struct {
		body map[string]any
		want []string
	}{
		"all":              {map[string]any{}, all},
		"the root":         {map[string]any{"checkpoint_ns": ""}, root},
		"a namespace":      {map[string]any{"checkpoint_ns": "sub:1"}, []string{all[1], all[3], all[5]}},
		"one":              {map[string]any{"checkpoint_id": all[3]}, all[3:4]},
		"before":           {map[string]any{"before": all[2]}, all[3:]},
		"pages of two":     {map[string]any{"limit": 2}, all},
		"pages before one": {map[string]any{"limit": 1, "checkpoint_ns": "", "before": root[1]}, root[2:]},
		"none":             {map[string]any{"limit": 0}, nil},
		"without values":   {map[string]any{"values": false, "limit": 3}, all},
	} {
		if diff := cmp.Diff(test.want, list(test.body)); diff != "" {
			r.t.Errorf("%s: %s", name, diff)
		}
	}
	page, _ := r.threadPage("mia@acme", map[string]any{"thread_id": c.UUID, "limit": 2, "values": false})
	if len(page) != 2 || page[0].Values != nil || len(page[0].Checkpoint) == 0 {
		r.t.Errorf("without values it is %+v", page)
	}
	answer := r.send("mia@acme", "POST", "/v1/threads/list", map[string]any{"thread_id": c.UUID})
	if n := len(answer.body); n > 2*len(big) || strings.Count(string(answer.body), big) != 1 {
		r.t.Errorf("what they share stands in %d bytes more than once", n)
	}
}

func filtersThreads(r *rig) {
	c := r.create("mia@acme", `{"goal":"thread"}`)
	var ids []string
	for i, metadata := range []string{
		`{"step":1,"source":"loop"}`, `{"step":1.0,"source":"input","nested":{"a":[1,2],"b":null}}`, `{"step":2,"n":12345678901234567890}`,
		`{"step":-0.0,"nested":{"b":null,"a":[1,2.0]}}`, `{"step":10e-1,"source":"l\u006fop","blank":""}`,
	} {
		ids = append(ids, newTS())
		r.saveStep(c, "", ids[i], "", `{"v":4,"channel_values":{"n":`+fmt.Sprint(i)+`}}`, metadata)
	}
	for filter, want := range map[string][]int{
		`{}`: {4, 3, 2, 1, 0}, `{"step":1}`: {4, 1, 0}, `{"step":1,"source":"loop"}`: {4, 0}, `{"step":0}`: {3}, `{"step":"1"}`: nil, `{"step":true}`: nil,
		`{"nested":{"b":null,"a":[1,2]}}`: {3, 1}, `{"nested":{"a":[1,2]}}`: nil, `{"nested":{"a":[2,1],"b":null}}`: nil, `{"n":12345678901234567890.0}`: {2},
		`{"n":12345678901234567891}`: nil, `{"blank":""}`: {4}, `{"blank":null}`: nil, `{"missing":null}`: nil, `{"step":1e999999999999}`: nil,
	} {
		var expected []string
		for _, i := range want {
			expected = append(expected, ids[i])
		}
		for _, limit := range []int{1, 2, 100} {
			got := r.threadList("mia@acme", map[string]any{"thread_id": c.UUID, "filter": json.RawMessage(filter), "limit": limit})
			if diff := cmp.Diff(expected, got); diff != "" {
				r.t.Errorf("%s by %d: %s", filter, limit, diff)
			}
		}
	}
	page, _ := r.threadPage("mia@acme", map[string]any{"thread_id": c.UUID, "filter": map[string]any{"step": 2}})
	if len(page) != 1 || len(page[0].Values) != 1 || page[0].Values[0].Value.Raw != "2" {
		r.t.Errorf("a match is %+v", page)
	}
}

func listsTenant(r *rig) {
	const who = "mia@many"
	var all []string
	threads := map[string]string{}
	for range 3 {
		c := r.create(who, `{"goal":"thread"}`)
		ts := newTS()
		for range 2 { // the same id in two of them
			body := fmt.Sprintf(`{"checkpoint":{"v":4},"thread_ts":%q,"metadata":{"run_id":"r"}}`, ts)
			r.send(who, "POST", c.path("/checkpoints"), body).want(http.StatusCreated)
			all, threads[ts] = append(all, ts), c.UUID.String()
			ts = newTS()
		}
	}
	shared := r.create(who, `{"goal":"thread"}`)
	r.send(who, "POST", shared.path("/checkpoints"), fmt.Sprintf(`{"checkpoint":{"v":4},"thread_ts":%q,"metadata":{"run_id":"r"}}`, all[0])).want(http.StatusCreated)
	all = append(all, all[0])
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(b, a) })
	for _, limit := range []int{1, 2, 3, 100} {
		if diff := cmp.Diff(all, r.threadList(who, map[string]any{"limit": limit, "thread_id": nil})); diff != "" {
			r.t.Errorf("by %d: %s", limit, diff)
		}
		if diff := cmp.Diff(all, r.threadList(who, map[string]any{"limit": limit, "filter": map[string]any{"run_id": "r"}})); diff != "" {
			r.t.Errorf("filtered by %d: %s", limit, diff)
		}
	}
	page, _ := r.threadPage(who, map[string]any{"limit": 1})
	if page[0].Thread != threads[all[0]] {
		r.t.Errorf("%s is said to be of %s", all[0], page[0].Thread)
	}
	if got := r.threadList("bob@empty", map[string]any{}); got != nil {
		r.t.Errorf("a tenant without threads lists %v", got)
	}
}

func boundsRuns(r *rig) {
	c := r.create("mia@runs", `{"goal":"thread","start_workflow":true}`)
	other := r.create("mia@runs", `{"goal":"thread"}`)
	ts := newTS()
	for _, w := range []created{c, other} {
		r.send("mia@runs", "POST", w.path("/checkpoints"), fmt.Sprintf(`{"checkpoint":{"v":4},"thread_ts":%q,"metadata":{}}`, ts)).want(http.StatusCreated)
	}
	run := runToken("runs", c, 1)
	if got := r.threadGet(run, map[string]any{"thread_id": c.UUID}); got == nil || got.ID != ts {
		r.t.Errorf("its own is %+v", got)
	}
	if page, _ := r.threadPage(run, map[string]any{}); len(page) != 1 || page[0].Thread != c.UUID.String() {
		r.t.Errorf("it lists %+v", page)
	}
	for _, path := range []string{"get", "list"} {
		r.send(run, "POST", "/v1/threads/"+path, map[string]any{"thread_id": other.UUID}).refused(404, domain.CodeNotFound, "")
	}
}

func refusesThreadReads(r *rig) {
	good := uuid.NewString()
	refused := func(path, body, field string) {
		r.t.Helper()
		a := r.send("mia@acme", "POST", "/v1/threads/"+path, body)
		a.refused(400, domain.CodeInvalidField, field)
		if a.header.Get("Duolog-Threads") != "1" {
			r.t.Error("a refusal does not say its version")
		}
	}
	for _, body := range []string{`{}`, `{"thread_id":""}`, `{"thread_id":null}`, `{"thread_id":7}`, `{"thread_id":"\ud800"}`} {
		refused("get", body, "thread_id")
	}
	for _, path := range []string{"get", "list"} {
		r.send("mia@acme", "POST", "/v1/threads/"+path, map[string]any{"thread_id": strings.Repeat("x", 10<<10)}).refused(413, domain.CodeTooLarge, "thread_id")
		r.send("mia@acme", "POST", "/v1/threads/"+path, map[string]any{"thread_id": "x", "checkpoint_ns": strings.Repeat("x", 4097)}).refused(413, domain.CodeTooLarge, "checkpoint_ns")
		refused(path, `{"thread_id":"x","checkpoint_ns":7}`, "checkpoint_ns")
		for _, id := range []string{"1", "", strings.ToUpper(good), "urn:uuid:" + good, strings.ReplaceAll(good, "-", "")} {
			refused(path, fmt.Sprintf(`{"thread_id":"x","checkpoint_id":%q}`, id), "checkpoint_id")
		}
		r.send("", "POST", "/v1/threads/"+path, `{"thread_id":"x"}`).refused(401, domain.CodeUnauthenticated, "")
	}
	for rest, field := range map[string]string{
		`"before":"x"`: "before", `"limit":-1`: "limit", `"limit":1.5`: "limit", `"filter":[]`: "filter", `"values":"no"`: "values", `"cursor":"x"`: "cursor",
		`"cursor":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 47)) + `"`: "cursor",
	} {
		refused("list", `{"thread_id":"x",`+rest+`}`, field)
	}
	if got := r.send("mia@acme", "GET", "/v1/threads/get", nil).want(http.StatusMethodNotAllowed); got.header.Get("Duolog-Threads") != "1" {
		r.t.Error("an unknown method does not say the version")
	}
}
