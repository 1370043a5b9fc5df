package workflow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// v7At is a checkpoint id of that time.
func v7At(at time.Time) uuid.UUID {
	id := uuid.MustParse("00000000-0000-7000-8000-0a1b2c3d4e5f")
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

func TestThreadStreams(t *testing.T) {
	t.Parallel()
	id := "0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a"
	if got := workflow.ThreadStream("acme", id); got.ID.String() != id || got.Kind != domain.KindWorkflow || got.Tenant != "acme" {
		t.Errorf("%v", got)
	}
	seen := map[uuid.UUID]string{}
	for _, thread := range []string{id, strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, id[:35], "", "a", "a\x00"} {
		got := workflow.ThreadStream("acme", thread).ID
		if other, twice := seen[got]; twice {
			t.Errorf("%q and %q are one", thread, other)
		}
		seen[got] = thread
	}
}

func TestLateWrites(t *testing.T) {
	t.Parallel()
	early, late, ahead := v7At(epoch), v7At(epoch.Add(time.Hour)), v7At(epoch.Add(2*time.Hour))
	first := &workflow.PutCheckpoint{Thread: workflow.ThreadRef{ID: "t"}, TS: early, Header: []byte("{}"), Metadata: []byte("{}")}
	dead := func() *story {
		s := given(t).when(first)
		s.facts.Tree = workflow.NewTree()
		s.facts.Tree.Nodes[workflow.CheckpointKey{TS: early}] = workflow.Node{}
		s.facts.Tree.Nodes[workflow.CheckpointKey{TS: ahead}] = workflow.Node{} // a clock that is ahead
		return s.at(time.Hour).when(&workflow.DeleteThread{}).when(&workflow.DeleteThread{}).then()
	}
	at := func(id uuid.UUID, parent *uuid.UUID, incarnation int) *workflow.PutCheckpoint {
		return &workflow.PutCheckpoint{Thread: workflow.ThreadRef{ID: "t", Incarnation: incarnation}, TS: id, Parent: parent, Header: []byte("{}"), Metadata: []byte("{}")}
	}
	anew := v7At(epoch.Add(3 * time.Hour))
	for name, c := range map[string]workflow.Command{
		"from before the end":       at(early, nil, 0),
		"from the moment of it":     at(late, nil, 0),
		"as the newest there was":   at(ahead, nil, 0),
		"after what is gone":        at(anew, &early, 0),
		"of a life that has ended":  at(anew, nil, 1),
		"a write of a checkpoint":   &workflow.PutWrites{Thread: workflow.ThreadRef{ID: "t"}, TS: early, Task: "t", Writes: []workflow.TaskWrite{taskWrite(0, "1")}},
		"a write that says its age": &workflow.PutWrites{Thread: workflow.ThreadRef{ID: "t", Incarnation: 1}, TS: anew, Task: "t", Writes: []workflow.TaskWrite{taskWrite(0, "1")}},
	} {
		s := dead().when(c)
		if domain.CodeOf(s.err) != domain.CodeThreadDeleted {
			t.Errorf("%s: %v", name, s.err)
		}
	}
	s := dead().when(at(anew, nil, 2))
	if e, ok := s.out.Events[0].(workflow.ThreadOpened); !ok || e.Incarnation != 2 || e.Thread != "t" || s.out.Item != 1 {
		t.Fatalf("%+v", s.out)
	}
	next := v7At(epoch.Add(4 * time.Hour))
	s.when(at(next, &anew, 2)).last()
	s.when(at(early, nil, 0)).refused(domain.CodeThreadDeleted, "")
	// An id without a time cannot be told to be late.
	s.when(at(uuid.MustParse("5f0c7d2e-63a1-4c1e-9a40-1d2c3b4a5968"), nil, 0)).last()
}

func TestWhoMayDelete(t *testing.T) {
	t.Parallel()
	given(t).when(&workflow.DeleteThread{}).then()
	given(t, running()...).runless(false).when(&workflow.DeleteThread{}).then(workflow.ThreadDeleted{Incarnation: 1})
	given(t, running()...).as(run1, 1).when(&workflow.DeleteThread{}).then(workflow.ThreadDeleted{Incarnation: 1})
	given(t, running()...).as(run2, 0).when(&workflow.DeleteThread{}).refused(domain.CodeStaleRun, "")
}

func TestFencedWriters(t *testing.T) {
	t.Parallel()
	s := given(t)
	s.env.FenceWriters = true
	n := 0
	by := func(writer string) *story {
		n++
		c := put(n, 0, "")
		c.Thread.Writer = writer
		return s.when(c)
	}
	by("").refused(domain.CodeInvalidField, "writer")
	by("a")
	if e, ok := s.out.Events[2].(workflow.ThreadTaken); !ok || e.Writer != "a" || s.out.Item != 3 {
		t.Fatalf("%+v", s.out.Events)
	}
	by("b").last()
	by("a").refused(domain.CodeStaleWriter, "writer")
	if by("b"); len(s.out.Events) != 1 {
		t.Errorf("taken twice: %+v", s.out.Events)
	}
	for i := range 70 {
		by("w" + string(rune('0'+i))).last()
	}
	if got := s.state.ThreadNow(); len(got.Displaced) != 64 || got.Writer != "w"+string(rune('0'+69)) {
		t.Errorf("%+v", got)
	}
}
