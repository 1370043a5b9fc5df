package api

import (
	"bytes"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/forks"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// forkWorkflow answers POST workflows/:id/fork. The checkpoint is pinned in the
// source first, visibly, and the fork is begun then: a crash between leaves a pin
// that nothing stands on, and the same request goes on from there.
func (s *Server) forkWorkflow(c *call) (answer, error) {
	c.trigger = true
	source, body, doc, err := s.onWorkflow(c, s.cfg.Limits.MaxBody)
	if err != nil {
		return answer{}, err
	}
	r, err := s.forkRequest(c, source, body)
	if err != nil {
		return answer{}, err
	}
	if out, done, err := s.carriedOut(c, r); done || err != nil {
		return out, err
	}
	fork, facts, err := s.forkOf(c, source, doc, r)
	if err != nil {
		return answer{}, err
	}
	r.Workflow, r.Principal, r.Asked = fork, c.who.Principal(fork.Start.ServiceAccount), facts
	result, err := s.do(c, r)
	if err != nil {
		return answer{}, err
	}
	return created(s.entity(workflows.Workflow{
		Stream: r.Stream, Number: result.Number, State: result.Workflow, Goal: fork.Start.Goal, CallbackContext: fork.Start.CallbackContext,
	})), nil
}

// forkRequest names the fork and its command: under a key the same ones each time.
func (s *Server) forkRequest(c *call, source domain.StreamID, body []byte) (dispatch.Request, error) {
	key, err := c.key()
	if err != nil {
		return dispatch.Request{}, err
	}
	id := c.who.Named("workflow", key)
	if key == "" {
		id = s.cfg.NewID()
	}
	r := dispatch.Request{Stream: domain.StreamID{Tenant: source.Tenant, Kind: domain.KindWorkflow, ID: id}, Principal: c.who.Principal("")}
	c.who.Identify(&r, key, bytes.Join([][]byte{[]byte(source.ID.String()), body}, []byte("\n")), s.cfg.NewID)
	return r, nil
}

// forkOf reads what the fork begins with and pins it. The facts are what a trigger asked
// of who may; nil where none was asked for.
func (s *Server) forkOf(c *call, source domain.StreamID, doc document.Object, r dispatch.Request) (*workflow.Fork, *access.Facts, error) {
	f := &document.Fields{Doc: doc}
	ref := entry.CheckpointRef(f)
	if f.Err != nil {
		return nil, nil, f.Err
	}
	if err := s.gate(c.Context()); err != nil {
		return nil, nil, err
	}
	point, err := s.cfg.Forks.Point(c.Context(), source, ref)
	if err != nil {
		return nil, nil, err
	}
	fork, ask, err := entry.Fork(f, c.who, source.ID, point)
	if err != nil {
		return nil, nil, err
	}
	var facts *access.Facts
	if ask != nil {
		start, asked, err := s.cfg.Flows.TriggerFlow(c.Context(), *ask)
		if err != nil {
			return nil, nil, err
		}
		fork.Start, facts = *start, asked
	}
	// What every state would refuse leaves no pin.
	if err := entry.RefusedAnyway(dispatch.Request{Stream: r.Stream, Workflow: fork, CommandID: r.CommandID}); err != nil {
		return nil, nil, err
	}
	return fork, facts, s.pin(c, source, fork, point, r)
}

// pin keeps what a fork stands on in its source, and notes where that is said.
func (s *Server) pin(c *call, source domain.StreamID, fork *workflow.Fork, point forks.Point, r dispatch.Request) error {
	at, err := s.do(c, dispatch.Request{
		Stream: source, Principal: c.who.Principal(""), CommandID: uuid.NewSHA1(r.CommandID, []byte("pin")), Fresh: r.Fresh,
		Workflow: &workflow.PinCheckpoint{Fork: r.Stream.ID, CheckpointPin: pinOf(point.Step), With: pinsOf(point.With)},
	})
	if err != nil {
		return err
	}
	fork.Forked.Origin.Position = at.Position.String()
	return nil
}

// pinsOf are checkpoints as they were read.
func pinsOf(steps []forks.Step) []workflow.CheckpointPin {
	var out []workflow.CheckpointPin
	for _, s := range steps {
		out = append(out, pinOf(s))
	}
	return out
}

func pinOf(s forks.Step) workflow.CheckpointPin {
	return workflow.CheckpointPin{ThreadTS: s.Checkpoint.ThreadTS, NS: s.Checkpoint.NS, Number: s.Number}
}

// branchWorkflow answers POST workflows/:id/branch: the same workflow goes on from
// an older checkpoint.
func (s *Server) branchWorkflow(c *call) (answer, error) {
	stream, body, doc, err := s.onWorkflow(c, s.cfg.Limits.MaxBody)
	if err != nil {
		return answer{}, err
	}
	f := &document.Fields{Doc: doc}
	ref := entry.CheckpointRef(f)
	command := &workflow.Branch{Edit: workflow.Edit{Set: entry.SetChannels(f)}, Run: f.Flag("start_workflow", false)}
	if f.Err != nil {
		return answer{}, f.Err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	var facts *access.Facts
	if command.Run {
		var err error
		if facts, err = s.cfg.Flows.MayResume(c.Context(), stream, c.who.User); err != nil {
			return answer{}, err
		}
	}
	point, err := s.cfg.Forks.Point(c.Context(), stream, ref)
	if err != nil {
		return answer{}, err
	}
	command.ThreadTS, command.NS = point.Checkpoint.ThreadTS, point.Checkpoint.NS
	command.Edit.Header, command.Edit.Metadata = point.Header, point.Metadata
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	r.Asked = facts
	result, err := s.do(c, r)
	if err != nil {
		return answer{}, err
	}
	return s.branched(c, stream, result)
}

// branched is the workflow after it, and the checkpoint that it goes on from.
func (s *Server) branched(c *call, stream domain.StreamID, result dispatch.Result) (answer, error) {
	number := result.Item
	if !result.Changed {
		number++ // a repeat is told the first event of the commit; the checkpoint is the second
	}
	row, err := s.cfg.Checkpoints.ByNumber(c.Context(), stream, number)
	if err != nil {
		return answer{}, err
	}
	w, err := s.find(c, stream.ID, cut.At{})
	if err != nil {
		return answer{}, err
	}
	var checkpoint, o object
	checkpoint.int("id", row.Number)
	checkpoint.text("thread_ts", row.ThreadTS.String())
	checkpoint.uuidOrNull("parent_ts", row.ParentTS)
	checkpoint.text("checkpoint_ns", row.NS)
	o.raw("workflow", s.entity(w))
	o.raw("checkpoint", checkpoint.end())
	return created(o.end()), nil
}

// originOf is where a fork began; nil for any other workflow.
func originOf(origin *workflow.Origin) []byte {
	if origin == nil {
		return nil
	}
	var o object
	o.text("workflow", origin.Workflow.String())
	o.text("position", origin.Position)
	o.text("checkpoint", origin.Checkpoint.String())
	o.text("checkpoint_ns", origin.NS)
	return o.end()
}
