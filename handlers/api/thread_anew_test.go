package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/duolog/duolog/domain"
)

// stating is a write whose client says which life of the thread it knows.
func (r *rig) stating(thread string, incarnation int, operations ...any) written {
	r.t.Helper()
	return r.sendWrite(bytes.Replace(threadBody(r.t, thread, operations...), []byte(`"operations"`), fmt.Appendf(nil, `"incarnation":%d,"operations"`, incarnation), 1))
}

// incarnation is the life of a thread that a read answers; 0 where it answers none.
func (r *rig) incarnation(thread string) int {
	r.t.Helper()
	var out struct{ Incarnation int }
	r.send("mia@acme", "POST", "/v1/threads/get", m{"thread_id": thread}).want(http.StatusOK).document(&out)
	return out.Incarnation
}

// TestAThreadThatWasDeletedBeginsAnewAfterALook: what a read answers is what a write may
// state, also where another client deleted the thread.
func TestAThreadThatWasDeletedBeginsAnewAfterALook(t *testing.T) {
	r := newRig(t)
	th, first := newThread(), v6()
	if got := r.incarnation(th); got != 0 {
		t.Errorf("a thread that nobody knows is in life %d", got)
	}
	r.taken(r.write("mia@acme", th, put{id: first}))
	if got := r.incarnation(th); got != 1 {
		t.Errorf("a thread begins in life %d", got)
	}
	r.send("mia@acme", "POST", "/v1/threads/delete", m{"thread_id": th}).want(http.StatusOK)
	looked := r.incarnation(th)
	if looked != 2 {
		t.Errorf("a thread that is gone would begin life %d", looked)
	}
	r.refusedWith(r.stating(th, 1, put{id: v6()}), 0, domain.CodeThreadDeleted, "")
	if got := r.taken(r.stating(th, looked, put{id: v6()})); got.Incarnation != looked {
		t.Errorf("%+v", got)
	}
	if got := r.incarnation(th); got != looked {
		t.Errorf("begun anew, it is in life %d", got)
	}
}

// TestAPutThatNamesItselfAsParent: what is stored says which one the parent is.
func TestAPutThatNamesItselfAsParent(t *testing.T) {
	r := newRig(t)
	th, one, two := newThread(), v6(), v6()
	r.taken(r.write("mia@acme", th, put{id: one, parent: one, versions: `{"a":1}`, values: map[string]string{"a": "A"}}))
	r.taken(r.write("mia@acme", th,
		put{id: two, parent: one, versions: `{"a":1,"b":1}`, values: map[string]string{"b": "B"}},
		put{id: two, parent: two, versions: `{"a":1,"b":1}`, metadata: `{"again":true}`},
	))
	if got := r.threadGet("mia@acme", m{"thread_id": th, "checkpoint_id": one}); got.Parent != nil {
		t.Errorf("the first has the parent %s", *got.Parent)
	}
	got := r.threadGet("mia@acme", m{"thread_id": th, "checkpoint_id": two})
	if got.Parent == nil || *got.Parent != one || string(got.Metadata) != `{"again":true}` {
		t.Errorf("%+v", got)
	}
	r.channels(th, two, map[string]string{"a": "msgpack:A", "b": "msgpack:B"})
	r.plain("mia@acme", "/v1/threads/get", `{"thread_id":`+quoted(th)+`}`).want(http.StatusOK)
	if ids := r.threadList("mia@acme", m{"thread_id": th}); len(ids) != 2 {
		t.Errorf("%v", ids)
	}
}
