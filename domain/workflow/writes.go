package workflow

import (
	"cmp"
	"fmt"
	"math"

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

// Size is how many bytes the request brings.
func (c *RecordWrites) Size() int {
	n := 0
	for _, w := range c.Writes {
		n += len(w.Data)
	}
	return n
}

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
	batch := writes{key: CheckpointKey{c.NS, c.ThreadTS}, field: "checkpoint_writes"}
	for _, w := range c.Writes {
		batch.list = append(batch.list, pendingWrite{w.Task, w.Idx, w.TaskPath, w.Channel, writeType(w.Type), []byte(w.Data), w.Idx < 0})
	}
	return batch.decide(f, env)
}

// writes are pending writes of one checkpoint, whichever command brings them.
type writes struct {
	key  CheckpointKey
	list []pendingWrite
	// field names them in a refusal.
	field string
}

type pendingWrite struct {
	task          string
	idx           int
	path, channel string
	typ           string
	raw           []byte
	// lastWins says that it replaces the one that is there.
	lastWins bool
}

// decide records those that are new.
func (c writes) decide(f *Facts, env Env) (Outcome, error) {
	var out Outcome
	e := WritesRecorded{ThreadTS: c.key.TS, NS: c.key.NS, Epoch: epochOf(env.Principal)}
	raws := map[WriteKey][]byte{}
	for _, w := range c.winners() {
		key := WriteKey{c.key, w.task, w.idx}
		there, has := f.Writes[key]
		if has && (!w.lastWins || isValue(there, w.typ, w.raw)) {
			continue
		}
		v, blobs := wholeOrApart(w.typ, w.raw, false)
		raws[key] = w.raw
		e.Writes = append(e.Writes, Write{Task: w.task, Idx: w.idx, TaskPath: w.path, Channel: w.channel, Value: v})
		out.bring(f, blobs)
	}
	if len(e.Writes) == 0 {
		return alreadySo()
	}
	if err := e.shrink(f, &out, raws, c.field); err != nil {
		return Outcome{}, err
	}
	out.Events = []Event{e}
	return out, nil
}

// winners leaves one write of each key, in the order of the request.
func (c writes) winners() []pendingWrite {
	var out []pendingWrite
	taken := map[WriteKey]int{}
	for _, w := range c.list {
		key := WriteKey{c.key, w.task, w.idx}
		i, has := taken[key]
		switch {
		case !has:
			taken[key] = len(out)
			out = append(out, w)
		case w.lastWins:
			out[i] = w
		}
	}
	return out
}

// bring adds bytes to those of the commit, save what the stream has.
func (o *Outcome) bring(f *Facts, blobs []value.Blob) {
	for _, b := range blobs {
		if !f.Blobs[b.Address] {
			o.Blobs = append(o.Blobs, b)
		}
	}
}

// wholeOrApart describes raw as it is cut, or, to take less of the commit, by as
// few blobs as hold it.
func wholeOrApart(typ string, raw []byte, apart bool) (value.Value, []value.Blob) {
	switch {
	case !apart || len(raw) == 0:
		m, blobs := value.Build(typ, raw)
		return value.Diff(m, nil), blobs
	case len(raw) > value.MaxPiece:
		m, blobs := value.Build("", raw)
		m.Type = typ
		return value.Diff(m, nil), blobs
	}
	b := value.Blob{Address: value.AddressOf(raw), Bytes: raw}
	entries := []value.Entry{{Address: b.Address, Size: int64(len(raw))}}
	return value.Diff(value.Manifest{Type: typ, Entries: entries, Size: int64(len(raw))}, nil), []value.Blob{b}
}

func isValue(there value.Value, typ string, raw []byte) bool {
	for _, apart := range []bool{false, true} {
		v, _ := wholeOrApart(typ, raw, apart)
		m, err := v.Resolve(nil, nil)
		if err == nil && equalValue(there, builtValue{manifest: m}) {
			return true
		}
	}
	return false
}

// shrink describes the largest writes as one blob each until the event fits its
// commit.
func (e *WritesRecorded) shrink(f *Facts, out *Outcome, raws map[WriteKey][]byte, field string) error {
	size := len(e.AppendJSON(nil))
	for _, i := range largestFirst(len(e.Writes), func(i int) int { return e.Writes[i].Value.EncodedSize() }) {
		if size <= describeMost {
			break
		}
		w := &e.Writes[i]
		v, blobs := wholeOrApart(w.Value.Type, raws[WriteKey{CheckpointKey{e.NS, e.ThreadTS}, w.Task, w.Idx}], true)
		if saved := w.Value.EncodedSize() - v.EncodedSize(); saved > 0 {
			w.Value, size = v, size-saved
			out.bring(f, blobs)
		}
	}
	return domain.CheckSize(field, size, eventMost)
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
	return domain.CheckText("checkpoint_ns", c.NS, MaxNS)
}

func (w NewWrite) validate(at string) error {
	if w.Task == "" || w.Channel == "" {
		return domain.InvalidField(at+"task", "task and channel must not be empty", "send both")
	}
	if w.Idx < math.MinInt32 || w.Idx > math.MaxInt32 {
		return domain.InvalidField(at+"idx", "idx does not fit 32 bits", "send the place of the write in its task")
	}
	return cmp.Or(
		domain.CheckText(at+"task", w.Task, MaxID),
		domain.CheckText(at+"task_path", w.TaskPath, MaxShortText),
		domain.CheckText(at+"channel", w.Channel, MaxChannel),
		domain.CheckText(at+"write_type", w.Type, MaxName),
		domain.CheckSize(at+"data", len(w.Data), MaxWriteData),
	)
}
