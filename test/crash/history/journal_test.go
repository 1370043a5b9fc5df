package history_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/test/crash/history"
)

// script writes a log of one partition.
type script struct {
	t    *testing.T
	log  *history.Journal
	next int64
}

func newScript(t *testing.T) *script {
	t.Helper()
	return &script{t: t, log: history.NewJournal(1)}
}

func (s *script) take(m journal.Message) {
	r := journal.Record{Position: domain.Position{Offset: s.next}, Key: m.Key, Value: m.Value, Headers: m.Headers}
	s.next++
	s.log.Take(r)
}

// commit writes a commit of a client's command on a parent.
func (s *script) commit(command uuid.UUID, parent journal.Hash, needs ...value.Address) journal.Hash {
	s.t.Helper()
	event, err := journal.NewEvent("workflow.noted", 1, map[string]int{"n": int(s.next)})
	if err != nil {
		s.t.Fatal(err)
	}
	packed, err := journal.Pack(journal.Commit{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: workflow}, Parent: parent, ID: uuid.Must(uuid.NewV7()), Time: time.Unix(0, 0).UTC(),
		Command:   journal.CommandRef{ID: command, Type: "workflow.note", Hash: journal.Hash{1}},
		Principal: domain.Principal{User: "mia"}, Events: []journal.Event{event, event}, Needs: needs,
	}, nil, 1)
	if err != nil {
		s.t.Fatal(err)
	}
	s.take(packed.Commit)
	return packed.Hash
}

// checks are the names of the checks that found something.
func checks(found []history.Violation) []string {
	var out []string
	for _, v := range found {
		out = append(out, v.Check)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestALogIsAdmitted(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	head := s.commit(uuid.New(), journal.Hash{})
	s.commit(uuid.New(), journal.Hash{}) // overtaken
	s.commit(uuid.New(), head)
	if s.log.Commits() != 2 || s.log.Ignored[journal.ReasonStaleParent] != 1 || len(s.log.Found) != 0 {
		t.Errorf("%d commits, ignored %v, found %v", s.log.Commits(), s.log.Ignored, s.log.Found)
	}
}

func TestALogThatThisProductDoesNotWrite(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.commit(uuid.New(), journal.Hash{}, value.Address{1}) // bytes that nobody brought
	if got := checks(s.log.Found); !slices.Equal(got, []string{"only overtaken commits are ignored"}) {
		t.Errorf("missing bytes: %v", got)
	}
	s = newScript(t)
	s.next = 3
	s.commit(uuid.New(), journal.Hash{})
	if got := checks(s.log.Found); !slices.Equal(got, []string{"no gap in the log"}) {
		t.Errorf("a log that begins at 3: %v", got)
	}
}

func TestAnswersAreComparedWithTheLog(t *testing.T) {
	t.Parallel()
	in, twice, refusedID, never := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	s := newScript(t)
	head := s.commit(in, journal.Hash{})
	for _, id := range []uuid.UUID{twice, twice, refusedID, uuid.New()} {
		head = s.commit(id, head)
	}
	with := func(o history.Operation, id uuid.UUID) history.Operation { o.Command = id; return o }
	for name, c := range map[string]struct {
		ops  []history.Operation
		want []string
	}{
		"all that is there": {told(with(save("a", "1"), in), with(change("stop"), twice), with(open(save("b", "2")), refusedID)), []string{"nothing from nowhere", "nothing twice"}},
		"a lost write":      {told(with(save("a", "1"), never)), []string{"nothing from nowhere", "nothing lost", "nothing twice"}},
		"a refusal that happened": {
			told(with(refused(change("stop"), "stopped"), refusedID)),
			[]string{"a refusal changes nothing", "nothing from nowhere", "nothing twice"},
		},
		"what may be so already": {told(with(change("stop"), never), with(record("a", 0, "1"), never), again(with(save("a", "1"), never))), []string{"nothing from nowhere", "nothing twice"}},
	} {
		if got := checks(history.Written(c.ops, s.log)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	clean := newScript(t)
	clean.commit(in, journal.Hash{})
	if got := history.Written(told(with(save("a", "1"), in)), clean.log); len(got) != 0 {
		t.Errorf("a log of what was answered: %v", got)
	}
}

// events makes a log of one commit for each event.
func events(t *testing.T, list ...string) *history.Journal {
	t.Helper()
	j := history.NewJournal(1)
	for i := 0; i < len(list); i += 2 {
		j.Accepted[0] = append(j.Accepted[0], journal.Parsed{
			Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: workflow},
			Commit: journal.Commit{Events: []journal.Event{{Type: "workflow." + list[i], V: 1, Data: []byte(list[i+1])}}},
		})
	}
	return j
}

func TestEventsFollowFromThoseBefore(t *testing.T) {
	t.Parallel()
	const (
		parent = `{"thread_ts":"0198a3f0-7c1e-7b55-9d2f-000000000001"}`
		child  = `{"thread_ts":"0198a3f0-7c1e-7b55-9d2f-000000000002","parent_ts":"0198a3f0-7c1e-7b55-9d2f-000000000001"}`
		orphan = `{"thread_ts":"0198a3f0-7c1e-7b55-9d2f-000000000002","parent_ts":"0198a3f0-7c1e-7b55-9d2f-000000000001","parent_missing":true}`
		write  = `{"thread_ts":"0198a3f0-7c1e-7b55-9d2f-000000000001","writes":[{"task":"t","idx":0}]}`
		last   = `{"thread_ts":"0198a3f0-7c1e-7b55-9d2f-000000000001","writes":[{"task":"t","idx":-1}]}`
		starts = `{"from":"created","to":"running"}`
		pauses = `{"from":"running","to":"paused"}`
	)
	for name, c := range map[string]struct {
		log   *history.Journal
		wrong int
	}{
		"a workflow":                     {events(t, "created", `{}`, "status_changed", starts, "status_changed", pauses, "checkpointed", orphan, "checkpointed", parent, "checkpointed", child, "writes_recorded", write, "writes_recorded", last, "writes_recorded", last), 0},
		"a status that was not there":    {events(t, "created", `{}`, "status_changed", pauses), 1},
		"the same start twice":           {events(t, "created", `{}`, "status_changed", starts, "status_changed", starts), 1},
		"a parent that is not missed":    {events(t, "created", `{}`, "checkpointed", parent, "checkpointed", orphan), 1},
		"a parent that is not there":     {events(t, "created", `{}`, "checkpointed", child), 1},
		"the same checkpoint twice":      {events(t, "created", `{}`, "checkpointed", parent, "checkpointed", parent), 1},
		"a second regular write":         {events(t, "created", `{}`, "writes_recorded", write, "writes_recorded", write), 1},
		"a status that a run may change": {events(t, "created", `{}`, "run_requested", `{}`, "status_changed", pauses), 0},
		"an event that cannot be read":   {events(t, "created", `[]`), 1},
	} {
		if found := history.Follows(c.log); len(found) != c.wrong {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestEventsAreComparedWithTheLog(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.commit(uuid.New(), s.commit(uuid.New(), journal.Hash{}))
	at := func(offset int64, index int) history.Published {
		return history.Published{Position: domain.Position{Offset: offset}, Index: index}
	}
	all := []history.Published{at(0, 0), at(0, 1), at(1, 0), at(1, 1)}
	for name, c := range map[string]struct {
		published []history.Published
		want      []string
	}{
		"each once":          {all, nil},
		"some again":         {slices.Concat(all[:3], all[1:]), nil},
		"one is missing":     {slices.Concat(all[:1], all[2:]), []string{"no gap in the events"}},
		"the last is not in": {all[:3], []string{"no gap in the events"}},
		"one too many":       {append(slices.Clone(all), at(9, 0)), []string{"events are those of the log"}},
	} {
		if got := checks(history.Unpublished(0, s.log, c.published)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
