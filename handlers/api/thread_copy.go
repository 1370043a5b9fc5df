package api

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/projections/queries/stored"
)

// copyAtOnce is how many checkpoints are read at the same time.
const copyAtOnce = 32

// copyThread answers POST threads/copy. The bytes are stored anew, in as many commits as
// it takes. Sent again after a failure it goes on where it stopped.
func (s *Server) copyThread(c *call) (answer, error) {
	_, f, err := s.threadBody(c)
	if err != nil {
		return answer{}, err
	}
	_, source, err := c.thread(f, "source")
	if err != nil {
		return answer{}, err
	}
	target, into, err := c.thread(f, "target")
	if err != nil {
		return answer{}, err
	}
	if source == into {
		return answer{}, domain.InvalidField("target", "a thread cannot be copied to itself", "name another thread")
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	keys, err := s.cfg.Copies.Keys(c.Context(), source)
	if err != nil {
		return answer{}, err
	}
	missing, err := s.missing(c, keys, into)
	if err != nil {
		return answer{}, err
	}
	job := threadCopy{server: s, call: c, source: source, target: target, into: into, copied: map[workflow.CheckpointKey]stored.Checkpoint{}}
	if err := job.run(missing); err != nil {
		return answer{}, err
	}
	var o object
	o.int("checkpoints", int64(len(keys)))
	return ok(o.end()), nil
}

// missing are the checkpoints that the target does not have yet. One that has others is
// no copy.
func (s *Server) missing(c *call, keys []workflow.CheckpointKey, into domain.StreamID) ([]workflow.CheckpointKey, error) {
	have, err := s.cfg.Copies.Keys(c.Context(), into)
	if err != nil {
		return nil, err
	}
	there := make(map[workflow.CheckpointKey]bool, len(have))
	for _, key := range have {
		there[key] = true
	}
	var out []workflow.CheckpointKey
	for _, key := range keys {
		if !there[key] {
			out = append(out, key)
		}
		delete(there, key)
	}
	if len(there) > 0 {
		return nil, &domain.Error{
			Code: domain.CodeConflict, Field: "target", Message: "the target has checkpoints of its own", Fix: "name a thread that has none, or delete it first",
		}
	}
	return out, nil
}

// threadCopy is one copying.
type threadCopy struct {
	server       *Server
	call         *call
	source, into domain.StreamID
	target       string
	principal    domain.Principal
	// copied are those that were copied, without their bytes.
	copied map[workflow.CheckpointKey]stored.Checkpoint
}

func (t *threadCopy) run(keys []workflow.CheckpointKey) error {
	r, err := t.server.agentRequest(t.call, t.into, nil, nil)
	if err != nil {
		return err
	}
	t.principal = r.Principal
	for len(keys) > 0 {
		page, read, err := t.server.cfg.Copies.Page(t.call.Context(), t.source, keys[:min(len(keys), copyAtOnce)])
		if err != nil {
			return err
		}
		if err := t.put(page); err != nil {
			return err
		}
		keys = keys[read:]
	}
	return nil
}

// put carries out what puts a page of checkpoints into the target.
func (t *threadCopy) put(page []stored.Checkpoint) error {
	var requests []dispatch.Request
	for _, c := range page {
		of := t.copyOf(c)
		put, err := of.Put(t.target)
		if err != nil {
			return err
		}
		requests = append(requests, t.request(c, "put", put))
		for i, writes := range writesOfTasks(c.Writes) {
			requests = append(requests, t.request(c, fmt.Sprintf("writes:%d", i), of.Writes(t.target, writes.task, writes.path, writes.list)))
		}
	}
	if len(requests) == 0 {
		return nil
	}
	for _, a := range t.server.cfg.Dispatch.DoAll(t.call.Context(), requests) {
		if a.Err != nil {
			return a.Err
		}
	}
	return nil
}

// request names each command by what it copies: done again it is the same one.
func (t *threadCopy) request(c stored.Checkpoint, what string, command workflow.Command) dispatch.Request {
	name := fmt.Sprintf("copy:%s:%d:%s", t.source, c.Number, what)
	return dispatch.Request{Stream: t.into, Workflow: command, Principal: t.principal, CommandID: uuid.NewSHA1(t.into.ID, []byte(name))}
}

// copyOf says a checkpoint by what its parent in the target has not.
func (t *threadCopy) copyOf(c stored.Checkpoint) workflow.Copied {
	out := workflow.Copied{
		Key: workflow.CheckpointKey{NS: c.NS, TS: c.ThreadTS}, Parent: c.ParentTS, Header: c.Header, Metadata: c.Metadata, Thread: c.Thread,
	}
	var parent stored.Checkpoint
	if c.ParentTS != nil {
		parent = t.copied[workflow.CheckpointKey{NS: c.NS, TS: *c.ParentTS}]
	}
	own, _ := workflow.ParseVersions(c.Header)
	before, _ := workflow.ParseVersions(parent.Header)
	for _, v := range c.Values {
		if version := own[v.Channel]; version != "" && version == before[v.Channel] && parent.Has(v) {
			out.Kept = append(out.Kept, v.Channel)
			continue
		}
		out.Values = append(out.Values, workflow.NewValue{Channel: v.Channel, Type: v.Type, Data: v.Bytes()})
	}
	left := c
	left.Metadata, left.Writes, left.Sends, left.Values = nil, nil, nil, slices.Clone(c.Values)
	for i := range left.Values {
		left.Values[i].Parts = nil
	}
	t.copied[out.Key] = left
	return out
}

// taskWrites are writes of one task that fit a command.
type taskWrites struct {
	task, path string
	list       []workflow.TaskWrite
}

func writesOfTasks(writes []stored.Write) []taskWrites {
	var out []taskWrites
	for _, w := range writes {
		last := len(out) - 1
		if last < 0 || out[last].task != w.Task || out[last].path != w.TaskPath || len(out[last].list) == workflow.MaxWrites {
			out, last = append(out, taskWrites{task: w.Task, path: w.TaskPath}), last+1
		}
		out[last].list = append(out[last].list, workflow.TaskWrite{Idx: w.Idx, Channel: w.Channel, Type: w.Type, Data: w.Bytes})
	}
	return out
}
