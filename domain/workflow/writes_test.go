package workflow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

func write(task string, idx int, data string) workflow.NewWrite {
	return workflow.NewWrite{Task: task, Idx: idx, Channel: "c", Type: "json", Data: data}
}

func record(writes ...workflow.NewWrite) *workflow.RecordWrites {
	return &workflow.RecordWrites{ThreadTS: ts(1), Writes: writes}
}

// written reads what is stored of the task's write.
func (s *story) written(task string, idx int) string {
	s.t.Helper()
	v, ok := s.facts.Writes[workflow.WriteKey{Checkpoint: workflow.CheckpointKey{TS: ts(1)}, Task: task, Idx: idx}]
	if !ok {
		s.t.Fatalf("no write %s %d", task, idx)
	}
	m, err := v.Resolve(nil, nil)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	raw, err := value.Assemble(m, func([]value.Address) (map[value.Address][]byte, error) { return s.blobs, nil })
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return string(raw)
}

func TestWritesBeforeTheirCheckpoint(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).as(run1, 1).when(record(write("t", 0, "1"), write("t", 1, "2")))
	e, ok := s.out.Events[0].(workflow.WritesRecorded)
	if !ok || len(e.Writes) != 2 || e.Epoch != 1 || e.ThreadTS != ts(1) {
		t.Errorf("%+v", s.out.Events)
	}
	s.when(save(1, 0, `"a":1`)).checkpointed()
}

func TestOfRegularWritesTheFirstWins(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(record(write("t", 0, "1")))
	s.when(record(write("t", 0, "2"))).then()
	s.when(record(write("t", 0, "2"), write("t", 1, "3"), write("t", 1, "4")))
	if got := s.written("t", 0) + s.written("t", 1); got != "13" {
		t.Error(got)
	}
}

func TestOfSpecialWritesTheLastWins(t *testing.T) {
	t.Parallel()
	s := given(t, running()...).when(record(write("t", -3, "1")))
	s.when(record(write("t", -3, "1"))).then()
	if s.when(record(write("t", -3, "2"))).written("t", -3) != "2" {
		t.Error("the first stayed")
	}
	if s.when(record(write("t", -3, "3"), write("t", -3, "4"))).written("t", -3) != "4" {
		t.Error("of two in one request the first won")
	}
}

func TestNoWrites(t *testing.T) {
	t.Parallel()
	given(t, running()...).when(record()).then()
}

func TestWritesOfOneTaskAreApartByNamespace(t *testing.T) {
	t.Parallel()
	other := record(write("t", 0, "2"))
	other.NS = "child"
	s := given(t, running()...).when(record(write("t", 0, "1"))).when(other)
	if len(s.out.Events) != 1 || s.written("t", 0) != "1" {
		t.Errorf("%+v", s.out.Events)
	}
}

func TestWritesRefuse(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n+1) }
	at := func(edit func(*workflow.NewWrite)) *workflow.RecordWrites {
		w := write("t", 0, "1")
		edit(&w)
		return record(write("t", 1, "1"), w)
	}
	random := record()
	random.ThreadTS = uuid.New()
	ns := record()
	ns.NS = "\x00"
	for name, tt := range map[string]struct {
		c     *workflow.RecordWrites
		code  domain.Code
		field string
	}{
		"a random id": {random, domain.CodeInvalidField, "thread_ts"},
		"namespace":   {ns, domain.CodeInvalidField, "checkpoint_ns"},
		"too many":    {record(make([]workflow.NewWrite, 101)...), domain.CodeTooLarge, "checkpoint_writes"},
		"no task":     {at(func(w *workflow.NewWrite) { w.Task = "" }), domain.CodeInvalidField, "checkpoint_writes[1].task"},
		"no channel":  {at(func(w *workflow.NewWrite) { w.Channel = "" }), domain.CodeInvalidField, "checkpoint_writes[1].task"},
		"task":        {at(func(w *workflow.NewWrite) { w.Task = long(255) }), domain.CodeTooLarge, "checkpoint_writes[1].task"},
		"task NUL":    {at(func(w *workflow.NewWrite) { w.Task = "\x00" }), domain.CodeInvalidField, "checkpoint_writes[1].task"},
		"path":        {at(func(w *workflow.NewWrite) { w.TaskPath = long(1024) }), domain.CodeTooLarge, "checkpoint_writes[1].task_path"},
		"channel":     {at(func(w *workflow.NewWrite) { w.Channel = long(256) }), domain.CodeTooLarge, "checkpoint_writes[1].channel"},
		"type":        {at(func(w *workflow.NewWrite) { w.Type = long(64) }), domain.CodeTooLarge, "checkpoint_writes[1].write_type"},
		"type NUL":    {at(func(w *workflow.NewWrite) { w.Type = "\x00" }), domain.CodeInvalidField, "checkpoint_writes[1].write_type"},
		"data":        {at(func(w *workflow.NewWrite) { w.Data = long(10000) }), domain.CodeTooLarge, "checkpoint_writes[1].data"},
		"idx":         {at(func(w *workflow.NewWrite) { w.Idx = 1 << 40 }), domain.CodeInvalidField, "checkpoint_writes[1].idx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given(t, running()...).when(tt.c).refused(tt.code, tt.field)
		})
	}
}

// A hundred writes of any size fit one commit; what has more names than a
// commit holds is refused by name.
func TestManyWrites(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"1", strings.Repeat("x", 1000), longList(100, 90), strings.Repeat("\x01", 1000)} {
		var writes []workflow.NewWrite
		for i := range 100 {
			writes = append(writes, write(fmt.Sprintf("task-%036d", i), 0, data+fmt.Sprint(i)))
		}
		s := given(t, running()...).when(record(writes...))
		if s.err != nil {
			t.Fatal(s.err)
		}
		if got := s.written(writes[42].Task, 0); got != data+"42" {
			t.Errorf("%.40q…: other bytes", got)
		}
		s.when(record(writes...)).then()
		for i := range writes {
			writes[i].Idx = -1
		}
		s.when(record(writes...)).when(record(writes...)).then()
	}
	var writes []workflow.NewWrite
	for i := range 100 {
		w := write(fmt.Sprintf("%0255d", i), 0, "1")
		w.TaskPath = strings.Repeat("p", 1024)
		writes = append(writes, w)
	}
	given(t, running()...).when(record(writes...)).refused(domain.CodeTooLarge, "checkpoint_writes")
}
