package api

import (
	"bytes"
	"log/slog"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
)

// saveCheckpoint answers POST workflows/:id/checkpoints. The agent is held
// until the checkpoint is visible: it ignores refusals and loses the step.
func (s *Server) saveCheckpoint(c *call) (answer, error) {
	stream, body, doc, err := s.onWorkflow(c, s.cfg.Limits.MaxBody)
	if err != nil {
		return answer{}, err
	}
	command, err := s.checkpointOf(c, doc)
	if err != nil {
		return answer{}, err
	}
	if err := command.Prepare(); err != nil {
		return answer{}, err
	}
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	result, out, err := s.nowOrLater(c, r)
	if err != nil || out.status != 0 {
		return out, err
	}
	var o object
	o.int("id", result.Item)
	o.text("thread_ts", command.ThreadTS.String())
	o.uuidOrNull("parent_ts", command.ParentTS)
	o.text("checkpoint_ns", command.NS)
	return created(o.end()), nil
}

// checkpointOf reads a checkpoint. Its bytes, and those of its metadata, are
// the client's own.
func (s *Server) checkpointOf(c *call, doc document.Object) (*workflow.SaveCheckpoint, error) {
	f := &document.Fields{Doc: doc}
	command := &workflow.SaveCheckpoint{
		ThreadTS: f.ThreadTS("thread_ts"), ParentTS: f.Parent("parent_ts"), NS: f.Text("checkpoint_ns"),
		Metadata: f.Object("metadata"), CurrentThread: f.Integer("current_thread", 0),
		Model: f.Text("model_metadata_json"), FlowMetadata: f.Text("flow_metadata_json"),
	}
	command.Checkpoint = f.Object("checkpoint")
	if f.Err != nil {
		return nil, f.Err
	}
	if f.Has("compressed_checkpoint") {
		if err := s.inflateInto(command, f); err != nil {
			return nil, err
		}
	}
	if n := len(command.Model); n > workflow.MaxModel {
		s.cfg.Logger.WarnContext(c.Context(), "model metadata dropped", slog.String("workflow", c.PathValue("id")),
			slog.String("thread_ts", command.ThreadTS.String()), slog.Int("bytes", n), slog.Int("limit", workflow.MaxModel))
		command.Model = ""
	}
	return command, nil
}

func (s *Server) inflateInto(command *workflow.SaveCheckpoint, f *document.Fields) error {
	const field = "compressed_checkpoint"
	if command.Checkpoint != nil {
		return domain.InvalidField(field, "checkpoint and compressed_checkpoint come together", "send one of them")
	}
	text := f.Text(field)
	if f.Err != nil {
		return f.Err
	}
	raw, err := inflateField(field, text, s.cfg.Limits.MaxBody)
	if err != nil {
		return err
	}
	if err := document.CheckJSON(field, raw, s.cfg.Limits.MaxDepth); err != nil {
		return document.InField(field, err)
	}
	if raw = bytes.TrimSpace(raw); raw[0] != '{' {
		return domain.InvalidField(field, field+" must hold an object", "send base64(zlib(JSON))")
	}
	command.Checkpoint = raw
	return nil
}
