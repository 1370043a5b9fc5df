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

// cameAs says of a value what its bytes come to, and whether they were put together
// from a change, for this request alone: others are part of its body.
type cameAs struct {
	sum     values.Sum
	known   values.Known
	changed bool
}

// channelValue reads the value of one channel of a checkpoint, whole or as a change.
func (w *threadWrite) channelValue(ns string, raw []byte) (v workflow.NewValue, as cameAs, err error) {
	doc, err := document.Members(raw)
	if err != nil {
		return v, as, err
	}
	f := &document.Fields{Doc: doc}
	v.Channel = f.Text("channel")
	in := valueIn(f)
	if f.Err != nil {
		return v, as, f.Err
	}
	if doc, err = document.Members(in); err != nil {
		return v, as, document.InField("value", err)
	}
	if values.IsChange(doc) {
		return w.changed(ns, v, doc)
	}
	whole, err := w.body.Value("value", in)
	v.Type, v.Data = whole.Type, whole.Raw
	as.sum, as.known = values.SumOf(whole.Raw), values.Known{Raw: whole.Raw}
	w.came[as.sum] = as.known
	return v, as, err
}

// changed gives the whole of a value that came as a change. Where it cannot, the client
// sends the whole.
func (w *threadWrite) changed(ns string, v workflow.NewValue, doc document.Object) (workflow.NewValue, cameAs, error) {
	c, err := w.body.Change("value", doc)
	as := cameAs{sum: c.Sum, changed: true}
	if err != nil {
		return v, as, err
	}
	if w.whole += int64(c.Size); w.whole > w.server.cfg.Limits.MaxBody {
		return v, as, tooLarge("value", fmt.Sprintf("the whole values of this request pass %d bytes", w.server.cfg.Limits.MaxBody), "send fewer operations in one request")
	}
	v.Type = c.Type
	base, err := w.base(ns, v.Channel, c.Base)
	if err != nil {
		return v, as, err
	}
	var right bool
	if base.Raw != nil {
		as.known, right = c.Apply(base)
	}
	if !right {
		return v, as, &domain.Error{
			Code: domain.CodeSendWhole, Field: "value", Message: fmt.Sprintf("the change to channel %.80q is to another value than what is stored", v.Channel),
			Fix: "send the operation again with the whole value, under a new key",
		}
	}
	v.Data, v.Before = as.known.Raw, as.known.Pieces
	w.came[c.Sum] = as.known
	return v, as, nil
}

// base finds the bytes that a change is to: among those of the request, of the requests
// before it, or where they are stored. None where the checkpoint has others, or none.
func (w *threadWrite) base(ns, channel string, b values.Base) (values.Known, error) {
	if k, ok := w.came[b.Sum]; ok {
		return k, nil
	}
	if k, ok := w.server.recent.Get(w.stream, b.Sum); ok {
		return k, nil
	}
	if err := w.server.gate(w.call.Context()); err != nil {
		return values.Known{}, err
	}
	raw, there, err := w.server.cfg.Checkpoints.Channel(w.call.Context(), w.stream, workflow.CheckpointKey{NS: ns, TS: b.Checkpoint}, channel)
	k := values.Known{Raw: raw}
	if err != nil || !there || !b.Sum.IsOf(&k, values.Known{}) {
		return values.Known{}, err
	}
	return k, nil
}

// remember keeps the values of the checkpoints that were taken: the next ones are said
// as changes to them.
func (w *threadWrite) remember(o operation) {
	for i, as := range o.came {
		if as.changed {
			as.known.Pieces = o.put.Pieces(i)
		}
		w.server.recent.Add(w.stream, as.sum, as.known)
	}
}
