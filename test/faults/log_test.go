//go:build faults

package faults_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/duolog/duolog/internal/fleettest"
)

// finding is a line of the doctor.
type finding struct {
	Name, Problem, Fix string
	OK                 bool
}

// doctor is what the doctor finds wrong.
func (s *stand) doctor(t *testing.T) (wrong []finding) {
	t.Helper()
	r := s.Tool("doctor", "--json")
	for _, f := range fleettest.Decode[[]finding](t, r.Out) {
		switch {
		case f.OK:
		case f.Problem == "" || f.Fix == "":
			t.Errorf("doctor says of %q neither what is wrong nor what to do: %+v", f.Name, f)
		default:
			wrong = append(wrong, f)
		}
	}
	if (r.Code != 0) != (len(wrong) > 0) {
		t.Errorf("doctor ended with %d and found %v", r.Code, wrong)
	}
	return wrong
}

// finds is the fix that doctor names for a problem.
func (s *stand) finds(t *testing.T, problem string) string {
	t.Helper()
	wrong := s.doctor(t)
	for _, f := range wrong {
		if strings.Contains(f.Problem, problem) {
			t.Logf("doctor: %s\n   fix: %s", f.Problem, f.Fix)
			return f.Fix
		}
	}
	t.Fatalf("doctor does not say %q but %+v", problem, wrong)
	return ""
}

func (s *stand) says(t *testing.T, fix, want string) {
	t.Helper()
	if !strings.Contains(fix, want) {
		t.Fatalf("the fix is not the one this test does:\n%s\nwant %s", fix, want)
	}
}

func (s *stand) tool(t *testing.T, args ...string) {
	t.Helper()
	if r := s.Tool(args...); r.Code != 0 {
		t.Fatalf("duolog %v: %s%s", args, r.Out, r.Err)
	}
}

// TestLogSettings gives the topics settings that lose records.
func TestLogSettings(t *testing.T) { t.Parallel(); undergo(t, settings()) }

// TestLogMishaps takes topics away, cuts them, and puts others in their place.
func TestLogMishaps(t *testing.T) { t.Parallel(); undergo(t, mishaps()) }

// undergo lets mishaps happen under two running nodes. Writing stops with a reason,
// on every node, and nothing is appended; doctor names the fix; the fix is done to
// the letter; then the nodes go on, and everything acknowledged is there and is what
// a rebuild gives.
func undergo(t *testing.T, all []mishap) {
	t.Helper()
	s := newStand(t, "")
	s.start(2)
	l := s.newLoad(s.front)
	for _, m := range all {
		ok := t.Run(m.name, func(t *testing.T) {
			stop := l.begin(2)
			l.progress(20)
			stop()
			l.settled(t)
			kept := m.happen(t, s)
			l.stopped(t)
			fix := s.finds(t, m.problem)
			m.fixed(t, s, fix, kept)
			s.ready()
			if wrong := s.doctor(t); len(wrong) > 0 {
				t.Errorf("after the fix doctor finds %+v", wrong)
			}
			stop = l.begin(2)
			l.progress(20)
			stop()
			l.verify(t)
			s.published(t)
		})
		if !ok {
			break
		}
	}
}

// settled waits until all commands that were taken are done: the inbox is empty.
func (l *load) settled(t *testing.T) {
	t.Helper()
	fleettest.Eventually(t, recovery, func() error { return l.shown(t, l.s.nodes[0], l.asked()) })
}

// stopped says that every node refuses to write, says why, and appends nothing.
func (l *load) stopped(t *testing.T) {
	t.Helper()
	for _, n := range l.s.nodes {
		alone := &load{s: l.s, base: "http://" + n.API, client: l.client, workflows: l.workflows}
		fleettest.Eventually(t, recovery, func() error { return alone.refuses(t) })
		l.note(func() { l.writes = append(l.writes, alone.writes...) }) // what was taken before the node noticed
	}
	before := l.s.journalEnds(t)
	for range 5 {
		if err := l.refuses(t); err != nil {
			t.Error(err)
		}
	}
	if after := l.s.journalEnds(t); !maps.Equal(before, after) {
		t.Errorf("while writing is stopped the journal went from %v to %v", before, after)
	}
}

// probe sends one write and keeps what became of it.
func (l *load) probe(t *testing.T) shot {
	t.Helper()
	w := &write{kind: agentWrite, workflow: l.workflows[0], id: uuid.Must(uuid.NewV7()).String()}
	body := map[string]any{"thread_ts": w.id, "metadata": map[string]any{}, "checkpoint": map[string]any{"channel_values": map[string]any{}}}
	s := l.send(t.Context(), agentWrite, http.MethodPost, workflowsPath+"/"+w.workflow+"/checkpoints", body)
	w.acknowledged, w.at = s.err == nil && s.status < 300, time.Now()
	l.note(func() { l.writes = append(l.writes, w) })
	return s
}

// refuses sends one write, which must be refused as the log's own matter.
func (l *load) refuses(t *testing.T) error {
	t.Helper()
	s := l.probe(t)
	var why struct{ Code, Message, Fix string }
	_ = json.Unmarshal([]byte(s.answer), &why)
	if s.status != http.StatusServiceUnavailable || why.Code != "log_unsafe" || why.Message == "" || why.Fix == "" || s.retryAfter == "" {
		return fmt.Errorf("it should be refused: %s", s)
	}
	return nil
}

func (s *stand) journalEnds(t *testing.T) map[int32]int64 {
	t.Helper()
	for _, f := range s.doctor(t) {
		if strings.Contains(f.Problem, "does not exist") {
			return nil
		}
	}
	return s.ends(t, journalTopic)
}

// TestHistories restores the log or the database from older copies under running
// nodes.
func TestHistories(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.start(2)
	l := s.newLoad(s.front)
	write := func(t *testing.T) {
		t.Helper()
		stop := l.begin(2)
		l.progress(30)
		stop()
		l.settled(t)
	}
	ok := t.Run("the database is older than the log", func(t *testing.T) {
		write(t)
		s.snapshotDatabase(t, "older")
		write(t)
		stop := l.begin(2)
		l.progress(5)
		s.swapDatabase(t, "older", "newest")
		l.progress(30)
		stop()
		answered(t, l.since(start))
		l.verify(t)
	}) && t.Run("the database is another log's", func(t *testing.T) {
		s.foreignDatabase(t, "foreign")
		s.swapDatabase(t, "foreign", "ours")
		l.stopped(t)
		fix := s.finds(t, "the database belongs to another log")
		s.says(t, fix, "use the database of this log")
		s.swapDatabase(t, "ours", "foreign")
		s.ready()
		write(t)
	}) && t.Run("the log is older than the database", func(t *testing.T) {
		l.loseTheEnd(t, write, 0)
	}) && t.Run("the log is older than the database and grew again", func(t *testing.T) {
		l.loseTheEnd(t, write, 200)
	})
	if ok {
		l.verify(t)
		s.published(t)
	}
}

// loseTheEnd puts an older copy of the log in its place; regrown is how many
// foreign records are written behind it.
func (l *load) loseTheEnd(t *testing.T, write func(*testing.T), regrown int) {
	t.Helper()
	s := l.s
	write(t)
	kept := s.backup(t, journalTopic, 4)
	for p := range kept.records {
		for range regrown {
			kept.records[p] = append(kept.records[p], &kgo.Record{Key: []byte("nobody"), Value: []byte("{}"), Offset: int64(len(kept.records[p])), Timestamp: time.Now()})
		}
	}
	lost := time.Now()
	write(t)
	s.restore(t, kept)
	l.stopped(t)
	fix := s.finds(t, "the log has lost records")
	s.says(t, fix, "stop all nodes, duolog projection rebuild, start them again")
	s.stopNodes()
	s.tool(t, "projection", "rebuild")
	s.startNodes()
	s.ready()
	l.forget(lost)
	write(t)
}

// forget gives up what was acknowledged after a time, because the log that had it
// is no more.
func (l *load) forget(after time.Time) {
	l.note(func() {
		for _, w := range l.writes {
			if w.at.After(after) {
				w.acknowledged = false
			}
		}
	})
}
