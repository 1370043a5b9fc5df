package api

import (
	"fmt"

	"github.com/duolog/duolog/domain/workflow"
)

// maxWritesBody bounds a batch of writes: a hundred of the longest, escaped.
const maxWritesBody = 8 << 20

// recordWrites answers POST workflows/:id/checkpoint_writes_batch.
func (s *Server) recordWrites(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	body, doc, err := s.document(c, maxWritesBody)
	if err != nil {
		return answer{}, err
	}
	command, err := writesOf(doc)
	if err != nil {
		return answer{}, err
	}
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	if out, done, err := s.later(c, r); done || err != nil {
		return out, err
	}
	if _, err := s.do(c, r); err != nil {
		return answer{}, err
	}
	var o object
	o.text("thread_ts", command.ThreadTS.String())
	o.text("checkpoint_ns", command.NS)
	o.int("checkpoint_writes", int64(len(command.Writes)))
	return ok(o.end()), nil
}

func writesOf(doc document) (*workflow.RecordWrites, error) {
	f := &fields{doc: doc}
	command := &workflow.RecordWrites{ThreadTS: f.threadTS("thread_ts"), NS: f.text("checkpoint_ns")}
	items := f.array("checkpoint_writes")
	if f.err == nil && items == nil {
		f.refuse("checkpoint_writes", "checkpoint_writes is missing", "send a list of writes", nil)
	}
	if f.err != nil {
		return nil, f.err
	}
	for i, raw := range elements(items) {
		at := fmt.Sprintf("checkpoint_writes[%d]", i)
		w, err := writeOf(raw)
		if err != nil {
			return nil, inside(at, err)
		}
		command.Writes = append(command.Writes, w)
	}
	return command, nil
}

func writeOf(raw []byte) (workflow.NewWrite, error) {
	doc, err := membersOf(raw)
	if err != nil {
		return workflow.NewWrite{}, err
	}
	f := &fields{doc: doc}
	w := workflow.NewWrite{
		Task: f.text("task"), Idx: f.integer("idx", minIdx), TaskPath: f.text("task_path"),
		Channel: f.text("channel"), Type: f.text("write_type"), Data: f.text("data"),
	}
	return w, f.err
}

// minIdx is the least index of a write: special ones count down from -1.
const minIdx = -1 << 16
