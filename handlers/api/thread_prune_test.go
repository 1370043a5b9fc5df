package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
)

func TestThreadPruning(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"the newest of each namespace stays":        keepsTheNewest,
		"what is in the writes of the steps stays":  keepsDeltas,
		"an old checkpoint keeps what starts tasks": keepsSends,
		"delete leaves nothing":                     prunesAll,
		"the checkpoints of runs go":                deletesRuns,
		"bad input":                                 refusesPruning,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func (r *rig) removed(who, endpoint string, body any) int {
	r.t.Helper()
	var out struct{ Removed int }
	r.send(who, "POST", "/v1/threads/"+endpoint, body).want(http.StatusOK).into(&out)
	return out.Removed
}

// left are the ids that a thread still has.
func (r *rig) left(thread string, ids ...string) (out []string) {
	r.t.Helper()
	for i, id := range ids {
		if channels, _ := r.state(thread, "", id); channels != nil {
			out = append(out, fmt.Sprint(i))
		}
	}
	return out
}

func (r *rig) want(got []string, want string) {
	r.t.Helper()
	if strings.Join(got, " ") != want {
		r.t.Errorf("left are %v, not %s", got, want)
	}
}

type m = map[string]any

func keepsTheNewest(r *rig) {
	th := newThread()
	ids := []string{v6(), v6(), v6(), v6()}
	long := strings.Repeat("long ", 1000)
	for i, id := range ids {
		p := put{id: id, versions: fmt.Sprintf(`{"a":%d,"b":1}`, i), values: map[string]string{"a": fmt.Sprint(i) + long}}
		if i > 0 {
			p.parent = ids[i-1]
		} else {
			p.values["b"] = "B" + long
		}
		r.taken(r.write("mia@acme", th, p, pend{id: id, task: "t", writes: []string{"0:a:\"" + fmt.Sprint(i) + long + "\""}}))
	}
	sub := []string{v6(), v6()}
	r.taken(r.write("mia@acme", th, put{ns: "sub:1", id: sub[0]}, put{ns: "sub:1", id: sub[1], parent: sub[0]}))
	early := v6() // its checkpoint has not come yet
	r.taken(r.write("mia@acme", th, pend{id: early, task: "t", writes: []string{"0:a:1"}}))
	if n := r.removed("mia@acme", "prune", m{"thread_ids": []string{th, "there is none " + th}}); n != 4 {
		r.t.Errorf("%d removed", n)
	}
	r.want(r.left(th, ids...), "3")
	channels, writes := r.state(th, "", ids[3])
	if channels["a"] != "msgpack:3"+long || channels["b"] != "msgpack:B"+long || len(writes) != 1 {
		r.t.Errorf("the newest lost %d channels or %d writes", len(channels), len(writes))
	}
	if _, writes := r.state(th, "", early); len(writes) != 1 {
		r.t.Error("writes that came before their checkpoint are gone")
	}
	if _, writes := r.state(th, "", ids[0]); len(writes) != 0 {
		r.t.Error("writes of what is gone are left")
	}
	if n := r.removed("mia@acme", "prune", m{"thread_ids": []string{th}, "strategy": "keep_latest"}); n != 0 {
		r.t.Errorf("%d removed again", n)
	}
	// The thread goes on from what is left, in the memory of the dispatcher too.
	next := v6()
	r.taken(r.write("mia@acme", th, put{id: next, parent: ids[3], versions: `{"a":3,"b":1}`}))
	r.channels(th, next, map[string]string{"a": "msgpack:3" + long, "b": "msgpack:B" + long})
	// What went and comes again is stored again.
	again := v6()
	r.taken(r.write("mia@acme", th, put{id: again, parent: next, versions: `{"a":9,"b":1}`, values: map[string]string{"a": "1" + long}}))
	r.channels(th, again, map[string]string{"a": "msgpack:1" + long, "b": "msgpack:B" + long})
}

func keepsDeltas(r *rig) {
	th := newThread()
	ids := []string{v6(), v6(), v6(), v6(), v6()}
	const delta = `{"counters_since_delta_snapshot":{"log":[1,1]}}`
	r.taken(r.write("mia@acme", th,
		put{id: ids[0], versions: `{"log":1}`, metadata: delta},
		put{id: ids[1], parent: ids[0], versions: `{"log":2}`, values: map[string]string{"log": "snapshot"}},
		put{id: ids[2], parent: ids[1], versions: `{"log":3,"branch":1}`, metadata: delta},
		put{id: ids[3], parent: ids[2], versions: `{"log":4}`, metadata: delta},
		pend{id: ids[2], task: "t", writes: []string{"0:log:1"}},
	))
	if n := r.removed("mia@acme", "prune", m{"thread_ids": []string{th}}); n != 1 {
		r.t.Errorf("%d removed", n)
	}
	r.want(r.left(th, ids...), "1 2 3")
	if _, writes := r.state(th, "", ids[2]); len(writes) != 1 {
		r.t.Error("the writes that the value stands on are gone")
	}
	r.taken(r.write("mia@acme", th, put{id: ids[4], parent: ids[3], versions: `{"log":5}`, values: map[string]string{"log": "snapshot"}}))
	r.removed("mia@acme", "prune", m{"thread_ids": []string{th}})
	r.want(r.left(th, ids...), "4")
}

func keepsSends(r *rig) {
	for version, want := range map[string]string{"3": "1 2", "4": "2"} {
		th := newThread()
		ids := []string{v6(), v6(), v6()}
		for i, id := range ids {
			parent := ""
			if i > 0 {
				parent = ids[i-1]
			}
			body := threadBody(r.t, th, put{id: id, parent: parent}, pend{id: id, task: "t", writes: []string{"0:__pregel_tasks:1"}})
			r.taken(r.sendWrite([]byte(strings.Replace(string(body), `"v":4`, `"v":`+version, 1))))
		}
		r.removed("mia@acme", "prune", m{"thread_ids": []string{th}})
		r.want(r.left(th, ids...), want)
	}
}

func prunesAll(r *rig) {
	th, id := newThread(), v6()
	r.taken(r.write("mia@acme", th, put{id: id}))
	if n := r.removed("mia@acme", "prune", m{"thread_ids": []string{th}, "strategy": "delete"}); n != 1 {
		r.t.Errorf("%d removed", n)
	}
	r.refusedWith(r.write("mia@acme", th, put{id: id}), 0, domain.CodeThreadDeleted, "")
}

func deletesRuns(r *rig) {
	one, two := newThread(), newThread()
	ids := []string{v6(), v6(), v6()}
	run, other := "run "+one, "run "+two
	for i, id := range ids {
		name := run
		if i == 1 {
			name = other
		}
		for _, th := range []string{one, two} {
			r.taken(r.write("mia@acme", th, put{id: id, metadata: fmt.Sprintf(`{"run_id":%q}`, name)}, pend{id: id, task: "t", writes: []string{"0:a:1"}}))
		}
	}
	r.taken(r.write("eve@other", one, put{id: ids[0], metadata: fmt.Sprintf(`{"run_id":%q}`, run)}))
	if n := r.removed("mia@acme", "delete_runs", m{"run_ids": []string{}}); n != 0 {
		r.t.Errorf("%d removed for no run", n)
	}
	if n := r.removed("mia@acme", "delete_runs", m{"run_ids": []string{run, "unknown"}}); n != 4 {
		r.t.Errorf("%d removed", n)
	}
	for _, th := range []string{one, two} {
		r.want(r.left(th, ids...), "1")
		if _, writes := r.state(th, "", ids[0]); len(writes) != 0 {
			r.t.Error("writes of what is gone are left")
		}
	}
	if n := r.removed("eve@other", "delete_runs", m{"run_ids": []string{run}}); n != 1 {
		r.t.Errorf("%d removed of the other tenant", n)
	}
}

func refusesPruning(r *rig) {
	for _, test := range []struct {
		endpoint string
		body     any
		status   int
		code     domain.Code
		field    string
	}{
		{"prune", m{"thread_ids": []string{newThread()}, "strategy": "some"}, 400, domain.CodeInvalidField, "strategy"},
		{"prune", m{"thread_ids": []string{""}}, 400, domain.CodeInvalidField, "thread_ids"},
		{"prune", m{"thread_ids": []int{1}}, 400, domain.CodeInvalidField, "thread_ids[0]"},
		{"prune", m{"thread_ids": make([]string, 1001)}, 413, domain.CodeTooLarge, "thread_ids"},
		{"delete_runs", m{"run_ids": "x"}, 400, domain.CodeInvalidField, "run_ids"},
	} {
		r.send("mia@acme", "POST", "/v1/threads/"+test.endpoint, test.body).refused(test.status, test.code, test.field)
	}
}

func TestThreadRetention(t *testing.T) {
	r := newRig(t)
	th := newThread()
	r.send("mia@acme", "POST", "/v1/threads/retention", m{"thread_id": th, "ttl_seconds": 60}).refused(404, domain.CodeNotFound, "")
	r.taken(r.write("mia@acme", th, put{id: v6()}))
	type says struct {
		TTL      *int64  `json:"ttl_seconds"`
		Strategy *string `json:"strategy"`
	}
	for _, test := range []struct {
		body m
		want string
	}{
		{m{"thread_id": th, "ttl_seconds": 60}, "60 delete"},
		{m{"thread_id": th, "ttl_seconds": 60, "strategy": "keep_latest"}, "60 keep_latest"},
		{m{"thread_id": th, "ttl_seconds": 0}, "0 delete"},
		{m{"thread_id": th, "ttl_seconds": nil}, "nothing"},
	} {
		var got says
		r.send("mia@acme", "POST", "/v1/threads/retention", test.body).want(200).into(&got)
		text := "nothing"
		if got.TTL != nil && got.Strategy != nil {
			text = fmt.Sprintf("%d %s", *got.TTL, *got.Strategy)
		}
		if text != test.want {
			t.Errorf("%v: %s, not %s", test.body, text, test.want)
		}
	}
	r.plain("mia@acme", "/v1/threads/retention", `{"thread_id":`+quoted(th)+`}`).refused(400, domain.CodeInvalidField, "ttl_seconds")
	r.plain("mia@acme", "/v1/threads/retention", `{"thread_id":`+quoted(th)+`,"ttl_seconds":-1}`).refused(400, domain.CodeInvalidField, "ttl_seconds")
	r.plain("mia@acme", "/v1/threads/retention", `{"thread_id":`+quoted(th)+`,"ttl_seconds":"x"}`).refused(400, domain.CodeInvalidField, "ttl_seconds")
	r.plain("mia@acme", "/v1/threads/retention", `{"thread_id":`+quoted(th)+`,"ttl_seconds":1,"strategy":"x"}`).refused(400, domain.CodeInvalidField, "strategy")
}
