package workflow

import (
	"cmp"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// PutWrites records pending writes of one task of a thread. They may come before
// their checkpoint.
type PutWrites struct {
	Thread   ThreadRef   `json:"thread"`
	NS       string      `json:"checkpoint_ns,omitempty"`
	TS       uuid.UUID   `json:"checkpoint_id"`
	Task     string      `json:"task_id"`
	TaskPath string      `json:"task_path,omitempty"`
	Writes   []TaskWrite `json:"writes"`
	// Special says that the client's call brought nothing but special writes: of
	// those the last wins, of all others the first.
	Special bool `json:"special,omitempty"`
}

// TaskWrite is one pending write as a client sends it.
type TaskWrite struct {
	Idx     int    `json:"idx"`
	Channel string `json:"channel"`
	Type    string `json:"type"`
	Data    []byte `json:"data"`
}

// CommandType names the command.
func (*PutWrites) CommandType() string { return "workflow.put_writes" }

// Size is how many bytes the request brings.
func (c *PutWrites) Size() int {
	n := 0
	for _, w := range c.Writes {
		n += len(w.Data)
	}
	return n
}

// Want asks for the writes that are there.
func (c *PutWrites) Want(State, Env) Want {
	return Want{Writes: []CheckpointKey{{c.NS, c.TS}}, Newest: []string{c.NS}}
}

// Decide records the writes that are new.
func (c *PutWrites) Decide(s State, f *Facts, env Env) (Outcome, error) {
	opened, err := s.open(c.Thread, env, []uuid.UUID{c.TS})
	if err != nil {
		return Outcome{}, err
	}
	if err := c.Validate(); err != nil {
		return Outcome{}, err
	}
	batch := writes{key: CheckpointKey{c.NS, c.TS}, field: "writes"}
	for _, w := range c.Writes {
		batch.list = append(batch.list, pendingWrite{c.Task, w.Idx, c.TaskPath, w.Channel, w.Type, w.Data, c.Special})
	}
	out, err := batch.decide(f, env)
	if err != nil || len(out.Events) == 0 {
		return out, err
	}
	return opened.before(out), nil
}

// Validate is the refusal of what no state would take.
func (c *PutWrites) Validate() error {
	if err := c.Thread.validate(); err != nil {
		return err
	}
	if c.Task == "" {
		return domain.InvalidField("task_id", "task_id must not be empty", "send the id of the task that wrote")
	}
	if len(c.Writes) > MaxWrites {
		return &domain.Error{Code: domain.CodeTooLarge, Field: "writes", Message: fmt.Sprintf("%d writes in one command; the limit is %d", len(c.Writes), MaxWrites), Fix: "send them in several"}
	}
	for i, w := range c.Writes {
		if err := w.validate(fmt.Sprintf("writes[%d].", i)); err != nil {
			return err
		}
	}
	return cmp.Or(
		domain.CheckText("checkpoint_ns", c.NS, MaxNS),
		domain.CheckText("task_id", c.Task, MaxID),
		domain.CheckText("task_path", c.TaskPath, MaxShortText),
	)
}

func (w TaskWrite) validate(at string) error {
	switch {
	case w.Channel == "":
		return domain.InvalidField(at+"channel", "channel must not be empty", "send the channel that was written to")
	case w.Type == "":
		return domain.InvalidField(at+"type", "a value has a type", "send the type that your serialiser gave the bytes")
	case w.Idx < math.MinInt32 || w.Idx > math.MaxInt32:
		return domain.InvalidField(at+"idx", "idx does not fit 32 bits", "send the place of the write in its task")
	}
	return cmp.Or(
		domain.CheckText(at+"channel", w.Channel, MaxChannel),
		domain.CheckText(at+"type", w.Type, MaxName),
		domain.CheckSize(at+"value", len(w.Data), MaxValue),
	)
}
