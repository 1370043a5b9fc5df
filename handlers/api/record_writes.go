package api

import (
	"fmt"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
)

// maxWritesBody bounds a batch of writes: a hundred of the longest, escaped.
const maxWritesBody = 8 << 20

// recordWrites answers POST workflows/:id/checkpoint_writes_batch.
func (s *Server) recordWrites(c *call) (answer, error) {
	stream, body, doc, err := s.onWorkflow(c, maxWritesBody)
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
	_, out, err := s.nowOrLater(c, r)
	if err != nil || out.status != 0 {
		return out, err
	}
	var o object
	o.text("thread_ts", command.ThreadTS.String())
	o.text("checkpoint_ns", command.NS)
	o.int("checkpoint_writes", int64(len(command.Writes)))
	return ok(o.end()), nil
}

func writesOf(doc document.Object) (*workflow.RecordWrites, error) {
	f := &document.Fields{Doc: doc}
	command := &workflow.RecordWrites{ThreadTS: f.ThreadTS("thread_ts"), NS: f.Text("checkpoint_ns")}
	items := f.Array("checkpoint_writes")
	if f.Err == nil && items == nil {
		f.Refuse("checkpoint_writes", "checkpoint_writes is missing", "send a list of writes", nil)
	}
	if f.Err != nil {
		return nil, f.Err
	}
	for i, raw := range document.Elements(items) {
		at := fmt.Sprintf("checkpoint_writes[%d]", i)
		w, err := writeOf(raw)
		if err != nil {
			return nil, document.Inside(at, err)
		}
		command.Writes = append(command.Writes, w)
	}
	return command, nil
}

func writeOf(raw []byte) (workflow.NewWrite, error) {
	doc, err := document.Members(raw)
	if err != nil {
		return workflow.NewWrite{}, err
	}
	f := &document.Fields{Doc: doc}
	w := workflow.NewWrite{
		Task: f.Text("task"), Idx: f.Integer("idx", minIdx), TaskPath: f.Text("task_path"),
		Channel: f.Text("channel"), Type: f.Text("write_type"), Data: f.Text("data"),
	}
	return w, f.Err
}

// minIdx is the least index of a write: special ones count down from -1.
const minIdx = -1 << 16
