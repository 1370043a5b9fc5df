package workflow_test

import (
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func keep(ttl time.Duration, strategy workflow.PruneStrategy) workflow.Retention {
	return workflow.Retention{TTL: int64(ttl.Seconds()), Strategy: strategy}
}

// withTree gives the story a tree of what it has stored.
func (s *story) withTree() *story {
	s.facts.Tree = workflow.NewTree()
	for key, c := range s.facts.Checkpoints {
		n := workflow.Node{Parent: c.Parent}
		for name := range c.Channels {
			n.Channels = append(n.Channels, name)
		}
		s.facts.Tree.Nodes[key] = n
	}
	return s
}

func (s *story) pruned() workflow.ThreadPruned {
	s.t.Helper()
	if s.err != nil || len(s.out.Events) != 1 {
		s.t.Fatalf("%d events: %v", len(s.out.Events), s.err)
	}
	e, ok := s.out.Events[0].(workflow.ThreadPruned)
	if !ok {
		s.t.Fatalf("%T", s.out.Events[0])
	}
	return e
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	thread := func() *story {
		return given(t).when(put(1, 0, `"a":1`, "a=A")).when(put(2, 1, `"a":1`))
	}
	for name, test := range map[string]struct {
		after  time.Duration
		tenant workflow.Retention
		own    *workflow.Retention
		want   string
	}{
		"kept for ever":             {365 * day, workflow.Retention{Strategy: workflow.PruneDelete}, nil, ""},
		"the time has not come":     {day - time.Second, keep(day, workflow.PruneDelete), nil, ""},
		"the tenant's time is over": {day, keep(day, workflow.PruneDelete), nil, "workflow.thread_deleted"},
		"and the newest stays":      {day, keep(day, workflow.PruneKeepLatest), nil, "workflow.thread_pruned"},
		"its own counts":            {day, keep(time.Hour, workflow.PruneDelete), new(keep(7*day, workflow.PruneDelete)), ""},
		"its own is for ever":       {365 * day, keep(time.Hour, workflow.PruneDelete), new(keep(0, workflow.PruneDelete)), ""},
		"its own is over":           {7 * day, workflow.Retention{}, new(keep(day, workflow.PruneKeepLatest)), "workflow.thread_pruned"},
	} {
		s := thread()
		if test.own != nil {
			s.when(&workflow.SetRetention{Retention: test.own}).when(&workflow.SetRetention{Retention: test.own}).then()
		}
		s.withTree().at(test.after).when(&workflow.ExpireThread{Tenant: test.tenant})
		got := ""
		if s.err == nil && len(s.out.Events) > 0 {
			got = s.out.Events[0].EventType()
		}
		if got != test.want {
			t.Errorf("%s: %q, not %q (%v)", name, got, test.want, s.err)
		}
		if got != "" {
			s.withTree().at(test.after + 365*day).when(&workflow.ExpireThread{Tenant: test.tenant}).then()
		}
	}
	// What is written afterwards expires again.
	s := thread().withTree().at(day).when(&workflow.ExpireThread{Tenant: keep(day, workflow.PruneKeepLatest)})
	if e := s.pruned(); e.Count != 1 || e.Reason != workflow.ReasonExpired {
		t.Errorf("%+v", e)
	}
	s.when(put(3, 2, `"a":1`)).withTree().at(3 * day).when(&workflow.ExpireThread{Tenant: keep(day, workflow.PruneKeepLatest)})
	if e := s.pruned(); e.Count != 1 {
		t.Errorf("%+v", e)
	}
	// One that has nothing to lose says so once.
	s = given(t).when(put(1, 0, "")).withTree().at(day).when(&workflow.ExpireThread{Tenant: keep(day, workflow.PruneKeepLatest)})
	if e := s.pruned(); e.Count != 0 {
		t.Errorf("%+v", e)
	}
	// What is no thread is kept, and what a run is at work on.
	given(t, running()...).withTree().at(365 * day).when(&workflow.ExpireThread{Tenant: keep(day, workflow.PruneDelete)}).then()
	given(t, running()...).when(&workflow.SetRetention{Retention: new(keep(day, workflow.PruneDelete))}).withTree().at(365 * day).
		when(&workflow.ExpireThread{}).then()
}

func TestRetentionThatIsNone(t *testing.T) {
	t.Parallel()
	given(t).when(&workflow.SetRetention{}).refused(domain.CodeNotFound, "")
	s := given(t).when(put(1, 0, ""))
	s.when(&workflow.SetRetention{}).then()
	s.when(&workflow.SetRetention{Retention: new(keep(-time.Hour, workflow.PruneDelete))}).refused(domain.CodeInvalidField, "ttl_seconds")
	s.when(&workflow.SetRetention{Retention: new(keep(time.Hour, "some"))}).refused(domain.CodeInvalidField, "strategy")
	s.when(&workflow.SetRetention{Retention: new(keep(time.Hour, workflow.PruneDelete))}).when(&workflow.SetRetention{}).then(workflow.RetentionSet{})
}

func TestPruning(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, `"a":1`, "a=A")).when(put(2, 1, `"a":2`, "a=B")).when(put(3, 2, `"a":2`))
	s.withTree().when(&workflow.PruneThread{Strategy: workflow.PruneKeepLatest})
	e := s.pruned()
	gone, err := e.Gone(s.fetch)
	if err != nil || e.Count != 2 || s.out.Count != 2 || !gone(workflow.CheckpointKey{TS: ts(1)}) || gone(workflow.CheckpointKey{TS: ts(3)}) {
		t.Errorf("%+v, %v", e, err)
	}
	if len(s.facts.Checkpoints) != 1 || len(s.facts.Values) != 1 || len(s.facts.Blobs) != 0 {
		t.Errorf("the facts have %d checkpoints, %d values, %d blobs", len(s.facts.Checkpoints), len(s.facts.Values), len(s.facts.Blobs))
	}
	if got := s.channels(3); len(got) != 1 || got[0] != "a=B" {
		t.Error(got)
	}
	s.withTree().when(&workflow.PruneThread{Strategy: workflow.PruneKeepLatest}).then()
	s.when(&workflow.PruneThread{Strategy: "some"}).refused(domain.CodeInvalidField, "strategy")
	given(t).when(&workflow.PruneThread{Strategy: workflow.PruneDelete}).then()
	given(t).when(&workflow.DeleteRuns{Runs: []string{"a"}}).then()
	s.facts.OfRuns = map[workflow.CheckpointKey]bool{{TS: ts(3)}: true}
	s.when(&workflow.DeleteRuns{Runs: []string{"a"}})
	if e := s.pruned(); e.Count != 1 || len(s.facts.Checkpoints) != 0 || len(s.facts.Latest) != 0 {
		t.Errorf("%+v leaves %d", e, len(s.facts.Checkpoints))
	}
}

// TestALoopOfParents: clients may say what they like.
func TestALoopOfParents(t *testing.T) {
	t.Parallel()
	s := given(t).when(put(1, 0, ""))
	s.facts.Tree = workflow.NewTree()
	one, two := ts(1), ts(2)
	s.facts.Tree.Nodes[workflow.CheckpointKey{TS: one}] = workflow.Node{Parent: &two}
	s.facts.Tree.Nodes[workflow.CheckpointKey{TS: two}] = workflow.Node{Parent: &one, Deltas: []string{"a"}}
	s.when(&workflow.PruneThread{Strategy: workflow.PruneKeepLatest}).then()
}
