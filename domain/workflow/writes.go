package workflow

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// MaxWrites is how many writes one request may carry, MaxWriteData the size of
// one, in bytes.
const (
	MaxWrites    = 100
	MaxWriteData = 10000
)

// NewWrite is one pending write as a client sends it.
type NewWrite struct {
	Task     string `json:"task"`
	Idx      int    `json:"idx"`
	TaskPath string `json:"task_path,omitempty"`
	Channel  string `json:"channel"`
	Type     string `json:"write_type"`
	Data     string `json:"data"`
}

// RecordWrites records pending writes of a checkpoint, which may come later.
type RecordWrites struct {
	ThreadTS uuid.UUID  `json:"thread_ts"`
	NS       string     `json:"checkpoint_ns,omitempty"`
	Writes   []NewWrite `json:"checkpoint_writes"`
}

// CommandType names the command.
func (*RecordWrites) CommandType() string { return "workflow.record_writes" }

// Want asks for the writes that are there.
func (c *RecordWrites) Want(State, Env) Want {
	return Want{Writes: []CheckpointKey{{c.NS, c.ThreadTS}}}
}

// Decide records the writes that are new. Of regular writes the first wins; of
// special ones (negative index: errors, interrupts, resume values) the last.
func (c *RecordWrites) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if err := s.mayWriteState(env); err != nil {
		return Outcome{}, err
	}
	if err := c.validate(); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	e := WritesRecorded{ThreadTS: c.ThreadTS, NS: c.NS, Epoch: epochOf(env.Principal)}
	taken := map[WriteKey]bool{}
	for _, w := range c.Writes {
		key := WriteKey{CheckpointKey{c.NS, c.ThreadTS}, w.Task, w.Idx}
		there, has := f.Writes[key]
		m, blobs := value.Build(writeType(w.Type), []byte(w.Data))
		if taken[key] || has && (w.Idx >= 0 || equalValue(there, builtValue{manifest: m})) {
			continue
		}
		taken[key] = true
		e.Writes = append(e.Writes, Write{Task: w.Task, Idx: w.Idx, TaskPath: w.TaskPath, Channel: w.Channel, Value: value.Diff(m, nil)})
		out.Blobs = append(out.Blobs, blobs...)
	}
	if len(e.Writes) == 0 {
		return alreadySo()
	}
	out.Events = []Event{e}
	return out, nil
}

func writeType(t string) string {
	if t == "" {
		return "json"
	}
	return t
}

func (c *RecordWrites) validate() error {
	if !TimeOrdered(c.ThreadTS) {
		return domain.InvalidField("thread_ts", fmt.Sprintf("thread_ts must be a time-ordered UUID (v1, v6 or v7), got %q", c.ThreadTS), "send the checkpoint's id")
	}
	if len(c.Writes) > MaxWrites {
		return &domain.Error{Code: domain.CodeTooLarge, Field: "checkpoint_writes", Message: fmt.Sprintf("%d writes in one request; the limit is %d", len(c.Writes), MaxWrites), Fix: "send them in several requests"}
	}
	for i, w := range c.Writes {
		if err := w.validate(fmt.Sprintf("checkpoint_writes[%d].", i)); err != nil {
			return err
		}
	}
	return TooLong("checkpoint_ns", len(c.NS), MaxNS)
}

func (w NewWrite) validate(at string) error {
	for _, check := range []struct {
		field     string
		got, most int
	}{
		{"task", len(w.Task), 255},
		{"task_path", len(w.TaskPath), MaxShortText},
		{"channel", len(w.Channel), MaxChannel},
		{"write_type", len(w.Type), 64},
		{"data", len(w.Data), MaxWriteData},
	} {
		if err := TooLong(at+check.field, check.got, check.most); err != nil {
			return err
		}
	}
	if w.Task == "" || w.Channel == "" {
		return domain.InvalidField(at+"task", "task and channel must not be empty", "send both")
	}
	return nil
}
