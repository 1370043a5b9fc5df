package api

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/values"
)

const (
	// maxTaskWrites bounds the writes of one operation, maxPutValues the values.
	maxTaskWrites = 4096
	maxPutValues  = 4096
)

// readPut reads one checkpoint. Its bytes, and those of its metadata, are the client's
// own.
func (w *threadWrite) readPut(key string, raw []byte) (operation, error) {
	doc, err := document.Members(raw)
	if err != nil {
		return operation{}, err
	}
	f := &document.Fields{Doc: doc}
	command := &workflow.PutCheckpoint{
		Thread: w.ref, NS: f.Text("checkpoint_ns"), TS: f.CheckpointID("checkpoint_id"),
		Header: f.Object("checkpoint"), Metadata: f.Object("metadata"),
	}
	if f.Has("parent_checkpoint_id") {
		parent := f.CheckpointID("parent_checkpoint_id")
		command.Parent = &parent
	}
	items := document.Elements(f.Array("values"))
	o := operation{put: command}
	if f.Err != nil {
		return o, f.Err
	}
	if len(items) > maxPutValues {
		return o, tooMany("values", len(items), maxPutValues)
	}
	content := newContent("put", command.NS, command.TS, string(command.Header), string(command.Metadata))
	if command.Parent != nil {
		content.id(*command.Parent)
	}
	for i, item := range items {
		v, as, err := w.channelValue(command.NS, item)
		if err != nil {
			return o, document.Inside(fmt.Sprintf("values[%d]", i), err)
		}
		command.Values, o.came = append(command.Values, v), append(o.came, as)
		content.value(v.Channel, v.Type, as.sum)
	}
	o.requests = []dispatch.Request{w.request(key, 0, command, content)}
	return o, nil
}

// readWrites reads pending writes of one task. Many become several commands.
func (w *threadWrite) readWrites(key string, raw []byte) (operation, error) {
	doc, err := document.Members(raw)
	if err != nil {
		return operation{}, err
	}
	f := &document.Fields{Doc: doc}
	all := workflow.PutWrites{Thread: w.ref, NS: f.Text("checkpoint_ns"), TS: f.CheckpointID("checkpoint_id"), Task: f.Text("task_id"), TaskPath: f.Text("task_path")}
	items := document.Elements(f.Array("writes"))
	if f.Err != nil {
		return operation{}, f.Err
	}
	if len(items) > maxTaskWrites {
		return operation{}, tooMany("writes", len(items), maxTaskWrites)
	}
	all.Special = len(items) > 0
	for i, item := range items {
		write, err := w.readWrite(item)
		if err != nil {
			return operation{}, document.Inside(fmt.Sprintf("writes[%d]", i), err)
		}
		all.Writes = append(all.Writes, write)
		all.Special = all.Special && write.Idx < 0
	}
	return w.inParts(key, all)
}

// inParts makes commands of writes, each of which fits a commit.
func (w *threadWrite) inParts(key string, all workflow.PutWrites) (operation, error) {
	var o operation
	content := newContent("writes", all.NS, all.TS, all.Task, all.TaskPath)
	for _, write := range all.Writes {
		content.value(fmt.Sprintf("%d:%s", write.Idx, write.Channel), write.Type, values.SumOf(write.Data))
	}
	rest := all.Writes
	for part := 0; part == 0 || len(rest) > 0; part++ {
		n := min(len(rest), workflow.MaxWrites)
		one := all
		one.Writes, rest = slices.Clip(rest[:n]), rest[n:]
		if err := one.Validate(); err != nil {
			return o, err
		}
		o.requests = append(o.requests, w.request(key, part, &one, content))
	}
	return o, nil
}

func (w *threadWrite) readWrite(raw []byte) (workflow.TaskWrite, error) {
	doc, err := document.Members(raw)
	if err != nil {
		return workflow.TaskWrite{}, err
	}
	f := &document.Fields{Doc: doc}
	if !f.Has("idx") {
		f.Refuse("idx", "idx is missing", "send the place of the write in its task", nil)
	}
	out := workflow.TaskWrite{Idx: f.Integer("idx", minIdx), Channel: f.Text("channel")}
	in := valueIn(f)
	if f.Err != nil {
		return out, f.Err
	}
	v, err := w.body.Value("value", in)
	out.Type, out.Data = v.Type, v.Raw
	return out, err
}

func tooMany(field string, got, most int) error {
	return tooLarge(field, fmt.Sprintf("%d %s in one operation; the limit is %d", got, field, most), "send them in several operations")
}

// content is what an operation says, whatever the form it came in: the same key with
// another content is another command, and refused.
type content struct{ hash.Hash }

func newContent(kind, ns string, id uuid.UUID, texts ...string) content {
	c := content{sha256.New()}
	c.text(kind)
	c.text(ns)
	c.id(id)
	for _, t := range texts {
		c.text(t)
	}
	return c
}

func (c content) text(s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	_, _ = c.Write(n[:]) // a hash takes everything
	_, _ = c.Write([]byte(s))
}

func (c content) id(id uuid.UUID) { c.text(string(id[:])) }

func (c content) value(name, typ string, sum values.Sum) {
	c.text(name)
	c.text(typ)
	c.text(string(sum.SHA256[:]))
	if sum.From > 0 {
		c.text(fmt.Sprintf("from %d", sum.From))
	}
}

func (c content) sum() (out journal.Hash) {
	copy(out[:], c.Sum(nil))
	return out
}
