package api

import (
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/values"
)

// recentBytes bounds what a node remembers of the values that came lately.
const recentBytes = 64 << 20

// valueIn is the member that says a value.
func valueIn(f *document.Fields) []byte {
	in := f.Object("value")
	if f.Err == nil && in == nil {
		f.Refuse("value", "value is missing", "send the type of the value and where its bytes are", nil)
	}
	return in
}

// channelValue reads the value of one channel of a checkpoint, whole or as a change.
func (w *threadWrite) channelValue(ns string, raw []byte) (v workflow.NewValue, sum values.Sum, err error) {
	doc, err := document.Members(raw)
	if err != nil {
		return v, sum, err
	}
	f := &document.Fields{Doc: doc}
	v.Channel = f.Text("channel")
	in := valueIn(f)
	if f.Err != nil {
		return v, sum, f.Err
	}
	if doc, err = document.Members(in); err != nil {
		return v, sum, document.InField("value", err)
	}
	if values.IsChange(doc) {
		return w.changed(ns, v, doc)
	}
	whole, err := w.body.Value("value", in)
	v.Type, v.Data, sum = whole.Type, whole.Raw, values.SumOf(whole.Raw)
	w.came[sum] = v.Data
	return v, sum, err
}

// changed gives the whole of a value that came as a change. Where it cannot, the client
// sends the whole.
func (w *threadWrite) changed(ns string, v workflow.NewValue, doc document.Object) (workflow.NewValue, values.Sum, error) {
	c, err := w.body.Change("value", doc)
	if err != nil {
		return v, c.Sum, err
	}
	if w.whole += int64(c.Size); w.whole > w.server.cfg.Limits.MaxBody {
		return v, c.Sum, tooLarge("value", fmt.Sprintf("the whole values of this request pass %d bytes", w.server.cfg.Limits.MaxBody), "send fewer operations in one request")
	}
	v.Type = c.Type
	base, err := w.base(ns, v.Channel, c.Base)
	if err != nil {
		return v, c.Sum, err
	}
	var right bool
	if base != nil {
		v.Data, right = c.Apply(base)
	}
	if !right {
		return v, c.Sum, &domain.Error{
			Code: domain.CodeSendWhole, Field: "value", Message: fmt.Sprintf("the change to channel %.80q is to another value than what is stored", v.Channel),
			Fix: "send the operation again with the whole value, under a new key",
		}
	}
	w.came[c.Sum] = v.Data
	return v, c.Sum, nil
}

// base finds the bytes that a change is to: among those of the request, of the requests
// before it, or where they are stored. Nil where the checkpoint has others, or none.
func (w *threadWrite) base(ns, channel string, b values.Base) ([]byte, error) {
	if raw, ok := w.came[b.Sum]; ok {
		return raw, nil
	}
	if raw, ok := w.server.recent.Get(w.stream, b.Sum); ok {
		return raw, nil
	}
	if err := w.server.gate(w.call.Context()); err != nil {
		return nil, err
	}
	raw, there, err := w.server.cfg.Checkpoints.Channel(w.call.Context(), w.stream, workflow.CheckpointKey{NS: ns, TS: b.Checkpoint}, channel)
	if err != nil || !there || values.SumOf(raw) != b.Sum {
		return nil, err
	}
	return raw, nil
}

// remember keeps the values of the checkpoints that were taken: the next ones are said
// as changes to them.
func (w *threadWrite) remember(o operation) {
	for i, sum := range o.sums {
		w.server.recent.Add(w.stream, sum, o.put.Values[i].Data)
	}
}
