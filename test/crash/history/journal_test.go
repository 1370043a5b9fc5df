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
	head journal.Hash
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
