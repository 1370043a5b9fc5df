package api

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/plain"
)

// listCheckpoints answers GET workflows/:id/checkpoints, newest first.
func (s *Server) listCheckpoints(c *call) (answer, error) {
	stream, read, err := s.checkpointsOf(c)
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
	shown, err := shownOf(c)
	if err != nil {
		return answer{}, err
	}
	found, more, err := read.List(c.Context(), stream, ns, p.page, p.perPage)
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(found))
	for i, row := range found {
		if items[i], err = checkpointRow(row, shown); err != nil {
			return answer{}, err
		}
	}
	return p.answer(items, more), nil
}

// getCheckpoint answers GET workflows/:id/checkpoints/:checkpoint_id.
func (s *Server) getCheckpoint(c *call) (answer, error) {
	stream, read, err := s.checkpointsOf(c)
	if err != nil {
		return answer{}, err
	}
	id := c.PathValue("checkpoint_id")
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil || number < 0 {
		return answer{}, domain.InvalidField("checkpoint_id", fmt.Sprintf("checkpoint_id must be a checkpoint's number, got %.64q", id), "send the id of a row, or ask by_thread_ts")
	}
	shown, err := shownOf(c)
	if err != nil {
		return answer{}, err
	}
	row, err := read.ByNumber(c.Context(), stream, number)
	if err != nil {
		return answer{}, err
	}
	body, err := checkpointRow(row, shown)
	return ok(body), err
}

// getCheckpointByThreadTS answers GET workflows/:id/checkpoints/by_thread_ts.
func (s *Server) getCheckpointByThreadTS(c *call) (answer, error) {
	stream, read, err := s.checkpointsOf(c)
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
	shown, err := shownOf(c)
	if err != nil {
		return answer{}, err
	}
	row, err := read.ByThreadTS(c.Context(), stream, ns, ts)
	if err != nil {
		return answer{}, err
	}
	body, err := checkpointRow(row, shown)
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

// shown is how checkpoints are answered.
type shown struct {
	// compressed: the checkpoint in base64(zlib(JSON)).
	compressed bool
	// plain: each write as JSON, instead of its data.
	plain bool
}

func shownOf(c *call) (shown, error) {
	var out shown
	s, err := c.query("accept_compressed")
	if err != nil {
		return out, err
	}
	if s != "" {
		if out.compressed, err = strconv.ParseBool(s); err != nil {
			return out, domain.InvalidField("accept_compressed", fmt.Sprintf("accept_compressed must be true or false, got %.40q", s), "send true or false")
		}
	}
	view, err := c.query("view")
	if err != nil {
		return out, err
	}
	out.plain, err = plainView(view)
	return out, err
}

// plainView says whether values are asked for as JSON.
func plainView(view string) (bool, error) {
	switch view {
	case "":
		return false, nil
	case "json":
		return true, nil
	}
	return false, domain.InvalidField("view", fmt.Sprintf("there is no view %.40q", view), "send json, or leave it out")
}

// checkpointRow is one checkpoint as clients see it, its bytes as they came.
func checkpointRow(row checkpoints.Checkpoint, how shown) ([]byte, error) {
	o := object{b: make([]byte, 0, len(row.JSON)+len(row.Metadata)+512)}
	o.int("id", row.Number)
	o.text("thread_ts", row.ThreadTS.String())
	o.uuidOrNull("parent_ts", row.ParentTS)
	o.text("checkpoint_ns", row.NS)
	o.int("current_thread", int64(row.Thread))
	o.bool("parent_missing", row.ParentMissing)
	o.time("created_at", row.CreatedAt)
	o.raw("metadata", row.Metadata)
	o.raw("checkpoint_writes", writeRows(row, how.plain))
	if !how.compressed {
		o.raw("checkpoint", row.JSON)
		return o.end(), nil
	}
	packed, err := deflateField(row.JSON)
	if err != nil {
		return nil, err
	}
	o.name("compressed_checkpoint")
	o.b = append(append(append(o.b, '"'), packed...), '"')
	return o.end(), nil
}

func writeRows(row checkpoints.Checkpoint, asJSON bool) []byte {
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
		switch {
		case asJSON:
			o.raw("value", plain.JSON(w.Type, w.Bytes))
		case utf8.Valid(w.Bytes):
			o.text("data", string(w.Bytes))
		default:
			o.text("data", string(plain.JSON(w.Type, w.Bytes)))
		}
		items[i] = o.end()
	}
	return list(items)
}

// checkpointsOf is the workflow whose checkpoints are read, and as of when.
func (s *Server) checkpointsOf(c *call) (domain.StreamID, *checkpoints.Queries, error) {
	stream, err := s.stream(c)
	if err != nil {
		return stream, nil, err
	}
	at, err := s.at(c)
	if err != nil {
		return stream, nil, err
	}
	return stream, s.cfg.Checkpoints.At(at), s.gate(c.Context())
}
