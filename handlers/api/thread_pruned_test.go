package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
)

// TestAfterAPrune: what was removed is nowhere an error of the server, and what stays is
// whole.
func TestAfterAPrune(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"what is read":                    readsWhatIsLeft,
		"what is read as of then":         refusesThePast,
		"a fork stays whole":              keepsForksWhole,
		"an export comes back":            importsWhatIsLeft,
		"a text that was a state as well": readsTextsThatAreGone,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
	r.node.RebuildIsEqual(t, []int32{2, 1, 3, 0})
}

// prunable is a thread of checkpoints with values, metadata and writes that stand apart.
type prunable struct {
	thread string
	ids    []string
	c      created
	stream domain.StreamID
}

const prunedRun = "run of what is pruned"

func (r *rig) prunable() prunable {
	r.t.Helper()
	p := prunable{thread: newThread()}
	var out written
	for i := range 4 {
		c := put{id: v6(), versions: fmt.Sprintf(`{"a":%d,"b":1}`, i), values: map[string]string{"a": p.value(i)}}
		c.metadata = fmt.Sprintf(`{"step":%d,"run_id":"%s %d %s","long":%q}`, i, prunedRun, i, p.thread, strings.Repeat(fmt.Sprint("metadata ", i), 2000))
		if i > 0 {
			c.parent = p.ids[i-1]
		} else {
			c.values["b"] = p.value(-1)
		}
		p.ids = append(p.ids, c.id)
		out = r.taken(r.write("mia@acme", p.thread, c, pend{id: c.id, task: "t", writes: []string{"0:a:" + quoted(strings.Repeat(fmt.Sprint("write ", i), 500))}}))
	}
	r.send("mia@acme", "GET", base+"/"+out.Workflow.String(), nil).want(http.StatusOK).into(&p.c)
	p.stream = workflow.ThreadStream("acme", p.thread)
	return p
}

func (p prunable) value(i int) string {
	return strings.Repeat(fmt.Sprintf("value %d of %s", i, p.thread), 500)
}

// prunings are the ways to remove checkpoints, with those that stay.
func prunings() map[string]func(*rig, prunable) []int {
	return map[string]func(*rig, prunable) []int{
		"keep_latest": func(r *rig, p prunable) []int {
			r.removed("mia@acme", "prune", m{"thread_ids": []string{p.thread}, "strategy": "keep_latest"})
			return []int{3}
		},
		"delete_runs": func(r *rig, p prunable) []int {
			r.removed("mia@acme", "delete_runs", m{"run_ids": []string{fmt.Sprint(prunedRun, " 0 ", p.thread), fmt.Sprint(prunedRun, " 1 ", p.thread)}})
			return []int{2, 3}
		},
		"delete": func(r *rig, p prunable) []int {
			r.removed("mia@acme", "prune", m{"thread_ids": []string{p.thread}, "strategy": "delete"})
			return nil
		},
	}
}

// get asks for something of a workflow, and fails the test where the server fails.
func (r *rig) get(c created, path string) reply {
	r.t.Helper()
	out := r.send("mia@acme", "GET", c.path(path), nil)
	if out.status >= http.StatusInternalServerError {
		r.t.Errorf("%s: %d %s", path, out.status, out.body)
	}
	return out
}

func readsWhatIsLeft(r *rig) {
	for name, prune := range prunings() {
		p := r.prunable()
		before := r.commitsOf(p.stream)
		left := prune(r, p)
		rows, _ := r.rows(p.c, "")
		if len(rows) != len(left) {
			r.t.Errorf("%s: %d checkpoints", name, len(rows))
		}
		if page, _ := r.threadPage("mia@acme", m{"thread_id": p.thread}); len(page) != len(left) {
			r.t.Errorf("%s: %d checkpoints of the thread", name, len(page))
		}
		for _, i := range left {
			r.channels(p.thread, p.ids[i], map[string]string{"a": "msgpack:" + p.value(i), "b": "msgpack:" + p.value(-1)})
		}
		var timeline struct{ Events []struct{ Position string } }
		r.get(p.c, "/timeline").want(http.StatusOK).into(&timeline)
		if len(timeline.Events) < 10 {
			r.t.Errorf("%s: %d events", name, len(timeline.Events))
		}
		r.get(p.c, "/timeline/"+before[2].String()+"/0").want(http.StatusOK)
		for _, path := range []string{"", "/checkpoints?view=json", "/checkpoints?page=2", "/events", "/fork_preview?checkpoint=" + p.ids[3], "/checkpoints/by_thread_ts?thread_ts=" + p.ids[0], "/diff?from=" + p.ids[0], "/as_of"} {
			r.get(p.c, path)
		}
		last := r.commitsOf(p.stream)
		r.get(p.c, "/diff?from="+last[len(last)-1].String()).want(http.StatusOK)
		r.get(p.c, "/export").want(http.StatusOK)
		r.send("mia@acme", "POST", "/v1/threads/history", m{"thread_id": p.thread, "channels": []string{"a"}}).want(http.StatusOK)
	}
}

func refusesThePast(r *rig) {
	for name, prune := range prunings() {
		p := r.prunable()
		before := r.commitsOf(p.stream)
		left := prune(r, p)
		after := r.commitsOf(p.stream)
		at := func(p domain.Position) string { return "?at=" + url.QueryEscape(p.String()) }
		then, now := at(before[len(before)-1]), at(after[len(after)-1])
		for _, path := range []string{"/checkpoints", "/timeline", "/as_of", "", "/checkpoints/by_thread_ts"} {
			more := ""
			if strings.HasSuffix(path, "by_thread_ts") {
				more = "&thread_ts=" + p.ids[3]
			}
			r.get(p.c, path+then+more).refused(http.StatusGone, domain.CodeGone, "at")
			if path != "/checkpoints/by_thread_ts" || len(left) > 0 {
				r.get(p.c, path+now+more).want(http.StatusOK)
			}
		}
		r.send("mia@acme", "POST", "/v1/threads/get"+then, m{"thread_id": p.thread}).refused(http.StatusGone, domain.CodeGone, "at")
		r.get(p.c, "/diff?from="+url.QueryEscape(before[2].String())).refused(http.StatusGone, domain.CodeGone, "from")
		_ = name
	}
}

func keepsForksWhole(r *rig) {
	for name, prune := range prunings() {
		p := r.prunable()
		fork := r.fork(p.c, `{"checkpoint":"`+p.ids[0]+`"}`)
		tip := r.fork(p.c, `{"checkpoint":"`+p.ids[3]+`"}`)
		read := func(c created, id string) *tuple {
			return r.threadGet("mia@acme", m{"thread_id": c.UUID, "checkpoint_id": id})
		}
		was, wasTip := read(fork.created, p.ids[0]), read(tip.created, p.ids[3])
		if was == nil || wasTip == nil || len(wasTip.Writes) != 1 || len(was.Values) != 2 {
			r.t.Fatalf("%s: the forks have %+v and %+v", name, was, wasTip)
		}
		prune(r, p)
		r.removed("mia@acme", "prune", m{"thread_ids": []string{p.thread}, "strategy": "delete"})
		for id, want := range map[string]*tuple{p.ids[0]: was, p.ids[3]: wasTip} {
			c := fork.created
			if want == wasTip {
				c = tip.created
			}
			got := read(c, id)
			if got == nil || string(got.Metadata) != string(want.Metadata) || string(got.Checkpoint) != string(want.Checkpoint) || len(got.Writes) != len(want.Writes) || fmt.Sprint(got.Values) != fmt.Sprint(want.Values) || fmt.Sprint(got.Writes) != fmt.Sprint(want.Writes) {
				r.t.Errorf("%s: the fork at %s has lost something", name, id)
			}
			for _, path := range []string{"/checkpoints", "/timeline", "/export", "/fork_preview?checkpoint=" + id} {
				r.get(c, path).want(http.StatusOK)
			}
		}
		verified(r.t, r.export("mia@acme", fork.created))
		// It goes on by itself, over what stands in what was pruned.
		next := v6()
		r.taken(r.write("mia@acme", fork.UUID.String(), put{id: next, parent: p.ids[0], versions: `{"a":0,"b":2}`, values: map[string]string{"b": "new"}}))
		if got := read(fork.created, next); len(got.Values) != 2 || got.Values[0].Value.Raw != p.value(0) {
			r.t.Errorf("%s: the fork goes on with %d values", name, len(got.Values))
		}
	}
}

func importsWhatIsLeft(r *rig) {
	for name, prune := range prunings() {
		p := r.prunable()
		left := prune(r, p)
		file := r.export("mia@acme", p.c)
		verified(r.t, file)
		var in imported
		r.importFile("eve@other", file).want(http.StatusCreated).into(&in)
		if in.Import == nil || in.Import.Ended == nil {
			r.t.Fatalf("%s: %+v", name, in.Import)
		}
		page, _ := r.threadPage("eve@other", m{"thread_id": in.UUID.String()})
		if len(page) != len(left) {
			r.t.Errorf("%s: %d checkpoints came", name, len(page))
		}
		for _, got := range page {
			if len(got.Values) != 2 || len(got.Writes) != 1 || len(got.Values[0].Value.Raw) != len(p.value(3)) {
				r.t.Errorf("%s: %d values", name, len(got.Values))
			}
		}
		r.taken(r.write("eve@other", in.UUID.String(), put{id: v6()}))
		r.send("eve@other", "GET", in.path("/timeline"), nil).want(http.StatusOK)
	}
}

func readsTextsThatAreGone(r *rig) {
	long := strings.Repeat("a text that a message and a state have ", 200)
	c := r.create("mia@acme", `{"goal":"x"}`)
	stream := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID}
	out, err := r.node.Dispatch.Do(r.t.Context(), dispatch.Request{
		Stream: stream, CommandID: uuid.New(), Workflow: &workflow.ReceiveMessage{Conversation: uuid.New(), MessageID: "1", Author: "mia", Text: long},
	})
	must(r.t, err)
	type event struct {
		Text map[string]string
		Gone []string
	}
	message := func() (e event) {
		r.get(c, "/timeline/"+out.Position.String()+"/0").want(http.StatusOK).into(&e)
		return e
	}
	if got := message(); got.Text["text"] != long || got.Gone != nil {
		r.t.Errorf("the message is %+v", got)
	}
	r.taken(r.write("mia@acme", c.UUID.String(), put{id: v6(), versions: `{"a":1}`, typ: "text", values: map[string]string{"a": long}}))
	r.send("mia@acme", "POST", "/v1/threads/delete", m{"thread_id": c.UUID.String()}).want(http.StatusOK)
	if got := message(); len(got.Text) != 0 || len(got.Gone) != 1 || got.Gone[0] != "text" {
		r.t.Errorf("the message whose bytes are gone is %+v", got)
	}
	for _, path := range []string{"/timeline", "/as_of", "/export", "/events"} {
		r.get(c, path).want(http.StatusOK)
	}
}
