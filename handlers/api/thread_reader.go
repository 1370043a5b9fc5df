package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/projections/queries/plain"
	"github.com/duolog/duolog/projections/queries/stored"
)

// threadReads adds what savers read with.
func (s *Server) threadReads(limit time.Duration) {
	s.route("POST "+threadsPath+"get", limit, s.getThread)
	s.route("POST "+threadsPath+"list", limit, s.listThreads)
	s.route("POST "+threadsPath+"history", limit, s.threadHistory)
}

// maxThreadRead bounds the body of a read: ids, names and a filter.
const maxThreadRead = 1 << 20

// threadRead reads a request that only names what it wants.
func (s *Server) threadRead(c *call) (*document.Fields, error) {
	_, doc, err := s.document(c, maxThreadRead)
	return &document.Fields{Doc: doc}, err
}

// namespaceIn is a member that names a namespace; nil where it is not there.
func namespaceIn(f *document.Fields) *string {
	const member = "checkpoint_ns"
	if _, there := f.Doc[member]; !there {
		return nil
	}
	ns := f.Text(member)
	if f.Err == nil {
		f.Err = domain.CheckText(member, ns, workflow.MaxNS)
	}
	return &ns
}

// orRoot is a namespace, the root where none is named.
func orRoot(ns *string) string {
	if ns == nil {
		return ""
	}
	return *ns
}

// checkpointIn is a member that names a checkpoint; nil where it is not there.
func checkpointIn(f *document.Fields, member string) *uuid.UUID {
	if !f.Has(member) {
		return nil
	}
	id := f.CheckpointID(member)
	return &id
}

// writer writes the values of an answer: their bytes behind it, or as JSON in it.
type writer struct {
	tail  values.Tail
	plain bool
	// shared says that values may come in pieces.
	shared bool
}

func writerOf(f *document.Fields) (*writer, error) {
	view, shared := f.Text("view"), f.Flag("spans", false)
	if f.Err != nil {
		return nil, f.Err
	}
	asJSON, err := plainView(view)
	return &writer{plain: asJSON, shared: shared}, err
}

// value is what stands for a value in the head.
func (w *writer) value(v stored.Value) []byte {
	switch {
	case w.plain:
		return plain.JSON(v.Type, v.Bytes())
	case w.shared:
		return w.tail.AddShared(v.Type, v.Parts)
	}
	return w.tail.AddParts(v.Type, v.Parts)
}

// written is what stands for the value of a write.
func (w *writer) written(one stored.Write) []byte {
	return w.value(stored.Value{Type: one.Type, Parts: [][]byte{one.Bytes}})
}

// answer is the head with what belongs to it.
func (w *writer) answer(head []byte) answer {
	if w.plain {
		return ok(head)
	}
	parts := w.tail.Parts(head)
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {values.ContentType}}, body: parts[0], tail: parts[1:]}
}
