package api

import (
	"encoding/json"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
)

// setRetention answers POST threads/retention.
func (s *Server) setRetention(c *call) (answer, error) {
	_, f, err := s.threadBody(c)
	if err != nil {
		return answer{}, err
	}
	_, stream, err := c.thread(f, "thread_id")
	if err != nil {
		return answer{}, err
	}
	command := &workflow.SetRetention{Retention: retentionOf(f)}
	if f.Err != nil {
		return answer{}, f.Err
	}
	r, err := s.agentRequest(c, stream, command, nil)
	if err != nil {
		return answer{}, err
	}
	r.CommandID, r.Fresh = s.cfg.NewID(), true
	result, err := s.do(c, r)
	if err != nil {
		return answer{}, err
	}
	var o object
	if now := result.Workflow.ThreadNow().Retention; now != nil {
		o.int("ttl_seconds", now.TTL)
		o.text("strategy", string(now.Strategy))
	} else {
		o.raw("ttl_seconds", []byte("null"))
		o.raw("strategy", []byte("null"))
	}
	return ok(o.end()), nil
}

// retentionOf reads for how long a thread is kept; nil for what its tenant says.
func retentionOf(f *document.Fields) *workflow.Retention {
	if _, told := f.Doc["ttl_seconds"]; !told {
		f.Refuse("ttl_seconds", "ttl_seconds is missing", "send seconds, 0 for ever, or null for what the tenant says", nil)
		return nil
	}
	if !f.Has("ttl_seconds") {
		return nil
	}
	out := &workflow.Retention{Strategy: workflow.PruneStrategy(f.Text("strategy"))}
	if !f.Has("strategy") {
		out.Strategy = workflow.PruneDelete
	}
	if err := json.Unmarshal(f.Doc["ttl_seconds"], &out.TTL); err != nil {
		f.Refuse("ttl_seconds", "ttl_seconds must be a whole number", "send seconds, 0 for ever, or null for what the tenant says", err)
	}
	return out
}
