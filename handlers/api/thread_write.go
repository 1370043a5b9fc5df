package api

import (
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/values"
)

// maxOperations bounds what one request does to a thread.
const maxOperations = 64

// writeThread answers POST threads/write: checkpoints and pending writes of one
// thread, in order. What is refused of them does not keep back the rest, and stands in
// the answer.
func (s *Server) writeThread(c *call) (answer, error) {
	body, f, err := s.threadBody(c)
	if err != nil {
		return answer{}, err
	}
	thread, stream, err := c.thread(f, "thread_id")
	if err != nil {
		return answer{}, err
	}
	w := threadWrite{
		server: s, call: c, body: body, stream: stream, came: map[values.Sum]values.Known{}, refused: map[workflow.CheckpointKey]bool{},
		ref: workflow.ThreadRef{ID: thread, Incarnation: f.Integer("incarnation", 0), Writer: f.Text("writer")},
	}
	list := document.Elements(f.Array("operations"))
	if f.Err != nil {
		return answer{}, f.Err
	}
	if len(list) == 0 || len(list) > maxOperations {
		return answer{}, domain.InvalidField("operations", fmt.Sprintf("operations has %d elements, not 1 to %d", len(list), maxOperations), "send more requests, or one with something to do")
	}
	if err := w.identity(); err != nil {
		return answer{}, err
	}
	for _, raw := range list {
		w.add(raw)
	}
	return ok(w.carryOut()), nil
}

// threadWrite is one request on its way.
type threadWrite struct {
	server *Server
	call   *call
	body   values.Body
	stream domain.StreamID
	ref    workflow.ThreadRef
	// principal stands behind every command.
	principal  domain.Principal
	operations []operation
	// refused are the checkpoints of the request that were.
	refused map[workflow.CheckpointKey]bool
	// came are the values of the request so far, whole those of them that came as
	// changes, in bytes.
	came  map[values.Sum]values.Known
	whole int64
}

// operation is one of the request, and the commands it comes to: most come to one.
type operation struct {
	put *workflow.PutCheckpoint
	// came are the values of a put.
	came     []cameAs
	requests []dispatch.Request
	err      error
}

// identity finds out who stands behind the commands.
func (w *threadWrite) identity() error {
	r, err := w.server.agentRequest(w.call, w.stream, nil, nil)
	w.principal = r.Principal
	return err
}

// add reads one operation. A refusal is its own.
func (w *threadWrite) add(raw []byte) {
	o, err := w.read(raw)
	if o.put != nil {
		err = w.standing(o.put, err)
	}
	o.err = err
	w.operations = append(w.operations, o)
}

// standing refuses a checkpoint for the time being where its parent, earlier in the
// request, was refused: it would be stored without what only that one sent.
func (w *threadWrite) standing(put *workflow.PutCheckpoint, err error) error {
	if err == nil {
		err = put.Prepare()
	}
	if err == nil && put.Parent != nil && w.refused[workflow.CheckpointKey{NS: put.NS, TS: *put.Parent}] {
		err = notNow("its parent, in the same request, was not taken")
	}
	if err != nil {
		w.refused[workflow.CheckpointKey{NS: put.NS, TS: put.TS}] = true
	}
	return err
}

func (w *threadWrite) read(raw []byte) (operation, error) {
	doc, err := document.Members(raw)
	if err != nil {
		return operation{}, err
	}
	f := &document.Fields{Doc: doc}
	put, writes := f.Object("put"), f.Object("writes")
	key := f.Text("key")
	if f.Err != nil {
		return operation{}, f.Err
	}
	if err := domain.CheckText("key", key, workflow.MaxID); err != nil {
		return operation{}, err
	}
	switch {
	case (put == nil) == (writes == nil):
		return operation{}, domain.InvalidField("put", "an operation is either put or writes", "send one of them")
	case put != nil:
		o, err := w.readPut(key, put)
		return o, document.Inside("put", err)
	}
	o, err := w.readWrites(key, writes)
	return o, document.Inside("writes", err)
}

// request is one command of an operation: under the key of the operation where it has
// one, and the part's number where it comes to several.
func (w *threadWrite) request(key string, part int, command workflow.Command, content content) dispatch.Request {
	r := dispatch.Request{Stream: w.stream, Workflow: command, Principal: w.principal}
	if key == "" {
		r.CommandID, r.Fresh = w.server.cfg.NewID(), true
		return r
	}
	if part > 0 {
		key = fmt.Sprintf("%s#%d", key, part)
	}
	r.CommandID, r.Hash = w.call.who.CommandID(key), content.sum()
	return r
}

// carryOut does all that can be done and says what became of each.
func (w *threadWrite) carryOut() []byte {
	var requests []dispatch.Request
	for _, o := range w.operations {
		if o.err == nil {
			requests = append(requests, o.requests...)
		}
	}
	answers := w.server.cfg.Dispatch.DoAll(w.call.Context(), requests)
	var state workflow.State
	results := make([][]byte, len(w.operations))
	for i, o := range w.operations {
		var number int64
		if o.err == nil {
			for _, a := range answers[:len(o.requests)] {
				if a.Result.Workflow.Exists() {
					state = a.Result.Workflow
				}
				number = a.Result.Item
				if o.err == nil {
					o.err = a.Err
				}
			}
			answers = answers[len(o.requests):]
		}
		if o.err == nil {
			w.remember(o)
		}
		results[i] = o.result(number)
	}
	var out object
	out.text("thread_id", w.ref.ID)
	out.text("workflow", w.stream.ID.String())
	if state.Exists() {
		out.int("incarnation", int64(state.ThreadNow().Incarnation))
	}
	out.raw("results", list(results))
	return out.end()
}

func (o operation) result(number int64) []byte {
	var out, in object
	switch {
	case o.err != nil:
		e := refusalOf(o.err)
		in.text("code", string(e.Code))
		in.text("message", e.Message)
		in.text("field", e.Field)
		in.text("fix", e.Fix)
		out.raw("error", in.end())
	case o.put != nil:
		in.text("checkpoint_id", o.put.TS.String())
		in.int("number", number)
		out.raw("put", in.end())
	default:
		out.raw("writes", in.end())
	}
	return out.end()
}
