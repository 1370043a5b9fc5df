package api

import (
	"fmt"
	"strconv"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/checkpoints"
)

// listCheckpoints answers GET workflows/:id/checkpoints, newest first.
func (s *Server) listCheckpoints(c *call) (answer, error) {
	stream, err := s.checkpointStream(c)
	if err != nil {
		return answer{}, err
	}
	p, err := pageOf(c)
	if err != nil {
		return answer{}, err
	}
	ns, err := namespaceOf(c)
	if err != nil {
		return answer{}, err
	}
	compressed, err := compressedOf(c)
	if err != nil {
		return answer{}, err
	}
	found, more, err := s.cfg.Checkpoints.List(c.Context(), stream, ns, p.page, p.perPage)
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(found))
	for i, row := range found {
		if items[i], err = checkpointRow(row, compressed); err != nil {
			return answer{}, err
		}
	}
	return p.answer(items, more), nil
}

// getCheckpoint answers GET workflows/:id/checkpoints/:checkpoint_id.
func (s *Server) getCheckpoint(c *call) (answer, error) {
	stream, err := s.checkpointStream(c)
	if err != nil {
		return answer{}, err
	}
	id := c.PathValue("checkpoint_id")
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil || number < 0 {
		return answer{}, domain.InvalidField("checkpoint_id", fmt.Sprintf("checkpoint_id must be a checkpoint's number, got %.64q", id), "send the id of a row, or ask by_thread_ts")
	}
	compressed, err := compressedOf(c)
	if err != nil {
		return answer{}, err
	}
	row, err := s.cfg.Checkpoints.ByNumber(c.Context(), stream, number)
	if err != nil {
		return answer{}, err
	}
	body, err := checkpointRow(row, compressed)
	return ok(body), err
}

// getCheckpointByThreadTS answers GET workflows/:id/checkpoints/by_thread_ts.
func (s *Server) getCheckpointByThreadTS(c *call) (answer, error) {
	stream, err := s.checkpointStream(c)
	if err != nil {
		return answer{}, err
	}
	text, err := c.query("thread_ts")
	if err != nil {
		return answer{}, err
	}
	ts, err := document.ParseThreadTS("thread_ts", text)
	if err != nil {
		return answer{}, err
	}
	ns, err := namespaceOf(c)
	if err != nil {
		return answer{}, err
	}
	compressed, err := compressedOf(c)
	if err != nil {
		return answer{}, err
	}
	row, err := s.cfg.Checkpoints.ByThreadTS(c.Context(), stream, ns, ts)
	if err != nil {
		return answer{}, err
	}
	body, err := checkpointRow(row, compressed)
	return ok(body), err
}

// namespaceOf is the namespace asked for; nil where none is, which is not the
// root.
func namespaceOf(c *call) (*string, error) {
	if !c.URL.Query().Has("checkpoint_ns") {
		return nil, nil //nolint:nilnil // no namespace is an answer
	}
	ns, err := c.query("checkpoint_ns")
	if err != nil {
		return nil, err
	}
	return &ns, domain.CheckText("checkpoint_ns", ns, workflow.MaxNS)
}

func compressedOf(c *call) (bool, error) {
	s, err := c.query("accept_compressed")
	if err != nil || s == "" {
		return false, err
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, domain.InvalidField("accept_compressed", fmt.Sprintf("accept_compressed must be true or false, got %.40q", s), "send true or false")
	}
	return b, nil
}

// checkpointRow is one checkpoint as clients see it, its bytes as they came.
func checkpointRow(row checkpoints.Checkpoint, compressed bool) ([]byte, error) {
	o := object{b: make([]byte, 0, len(row.Checkpoint)+len(row.Metadata)+512)}
	o.int("id", row.Number)
	o.text("thread_ts", row.ThreadTS.String())
	o.uuidOrNull("parent_ts", row.ParentTS)
	o.text("checkpoint_ns", row.NS)
	o.int("current_thread", int64(row.Thread))
	o.bool("parent_missing", row.ParentMissing)
	o.time("created_at", row.CreatedAt)
	o.raw("metadata", row.Metadata)
	o.raw("checkpoint_writes", writeRows(row))
	if !compressed {
		o.raw("checkpoint", row.Checkpoint)
		return o.end(), nil
	}
	packed, err := deflateField(row.Checkpoint)
	if err != nil {
		return nil, err
	}
	o.name("compressed_checkpoint")
	o.b = append(append(append(o.b, '"'), packed...), '"')
	return o.end(), nil
}

func writeRows(row checkpoints.Checkpoint) []byte {
	items := make([][]byte, len(row.Writes))
	for i, w := range row.Writes {
		var o object
		o.int("id", w.Number)
		o.text("thread_ts", row.ThreadTS.String())
		o.text("task", w.Task)
		o.int("idx", int64(w.Idx))
		o.text("task_path", w.TaskPath)
		o.text("channel", w.Channel)
		o.text("write_type", w.Type)
		o.text("data", string(w.Data))
		items[i] = o.end()
	}
	return list(items)
}

// checkpointStream is the workflow whose checkpoints are read.
func (s *Server) checkpointStream(c *call) (domain.StreamID, error) {
	stream, err := s.stream(c)
	if err != nil {
		return stream, err
	}
	return stream, s.gate(c.Context())
}
