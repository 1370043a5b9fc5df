package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/archive"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/projections/queries/workflows"
)

const (
	// importTime bounds one import; a larger one goes on with another request.
	importTime = time.Hour
	// importBytes is what a line of an import takes while it is worked on.
	importBytes = 2 * archive.MaxLine
)

// importWorkflow answers POST /v1/workflows/import: the workflow that an export holds,
// under an id of its own, commit by commit. The id derives from what the file says it
// ends with, or from the client's key, and each commit is a command whose id derives
// from that: the same file again is the same workflow, and goes on where it was cut off.
func (s *Server) importWorkflow(c *call) (answer, error) {
	release, err := s.bodies.Try(c.who.Tenant, importBytes)
	if err != nil {
		return answer{}, err
	}
	c.release = release
	lines, err := s.lines(c)
	if err != nil {
		return answer{}, err
	}
	tenant, err := s.tenant(c)
	if err != nil {
		return answer{}, err
	}
	i := &importing{server: s, call: c, tenant: tenant}
	if err := i.all(lines); err != nil {
		return answer{}, err
	}
	w, err := s.cfg.Workflows.Find(c.Context(), c.who.Tenant, workflows.Ref{ID: i.stream.ID})
	return created(s.entity(w)), err
}

// lines are those of the body, decompressed.
func (s *Server) lines(c *call) (*bufio.Reader, error) {
	zip, err := isZipped(c.Request)
	if err != nil {
		return nil, err
	}
	if !zip {
		return bufio.NewReaderSize(c.Body, archive.MaxLine), nil
	}
	zipped, err := gzip.NewReader(c.Body)
	if err != nil {
		return nil, document.InvalidBody("the body is not gzip, as its Content-Encoding says", "compress it with gzip, or leave the header out", err)
	}
	return bufio.NewReaderSize(zipped, archive.MaxLine), nil
}

// importing is one file on its way in.
type importing struct {
	server *Server
	call   *call
	tenant entry.Tenant
	reader archive.Reader
	stream domain.StreamID
}

func (i *importing) all(lines *bufio.Reader) error {
	control := http.NewResponseController(i.call.w)
	for {
		now := i.server.cfg.Now()
		_ = control.SetReadDeadline(now.Add(restPatience)) // not every writer has a connection
		_ = control.SetWriteDeadline(now.Add(2 * restPatience))
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return tooLarge("", fmt.Sprintf("a line of the file passes %d bytes", archive.MaxLine), "send what duolog workflow export wrote")
		case errors.Is(err, io.EOF) && len(line) == 0:
			return i.end()
		case err != nil && !errors.Is(err, io.EOF):
			return document.InvalidBody("the file could not be read to its end", "send it again: it goes on where it was cut off", err)
		}
		if err := i.line(line); err != nil {
			return err
		}
	}
}

func (i *importing) line(raw []byte) error {
	e, err := i.reader.Next(raw)
	if err != nil {
		return err
	}
	if i.stream.ID == uuid.Nil {
		if i.stream, err = i.into(); err != nil {
			return err
		}
		about.Of(i.call.Context()).Touches(i.stream)
	}
	if e == nil {
		return nil
	}
	return i.commit(e)
}

// into is the stream that the file comes into.
func (i *importing) into() (domain.StreamID, error) {
	key, err := i.call.key()
	h, who := i.reader.Header, i.call.who
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte("duolog:import:"+string(who.Tenant)+"\x00"+h.Log.String()+"\x00"+h.Stream.String()+"\x00"+h.Head.String()))
	if key != "" {
		id = who.Named("workflow", key)
	}
	return domain.StreamID{Tenant: who.Tenant, Kind: domain.KindWorkflow, ID: id}, err
}

func (i *importing) commit(e *archive.Entry) error {
	command := &workflow.ImportCommit{
		Events: e.Commit.Events, Blobs: e.Blobs, Gone: e.Gone,
		Imported: workflow.Imported{N: e.N, Position: e.Position, Hash: e.Hash, Principal: e.Commit.Principal},
	}
	sent := e.Hash
	if e.N == 0 { // under the same key another file is another body, however both begin
		command.Begun, sent = i.begun(), i.reader.Header.Head
	}
	return i.do(dispatch.Request{Workflow: command, CommandID: i.commandID(fmt.Sprintf("commit/%d", e.N)), Hash: sent, At: e.Commit.Time})
}

// begun says what the workflow is here: it belongs to who imports it.
func (i *importing) begun() *workflow.ImportBegun {
	h := i.reader.Header
	return &workflow.ImportBegun{
		Log: h.Log, Stream: h.Stream.String(), Head: h.Head, Commits: h.Commits,
		User: i.call.who.User, ServiceAccount: i.tenant.ServiceAccount, Namespace: i.tenant.Namespace, Project: i.tenant.Project,
		Engine: i.tenant.Engine, At: i.server.cfg.Now().UTC().Truncate(time.Microsecond),
	}
}

// end ends the import once the file has come to its end.
func (i *importing) end() error {
	if err := i.reader.Close(); err != nil {
		return err
	}
	head := i.reader.Header.Head
	return i.do(dispatch.Request{Workflow: &workflow.EndImport{Head: head}, CommandID: i.commandID("end"), Hash: head})
}

func (i *importing) commandID(name string) uuid.UUID {
	return uuid.NewSHA1(i.stream.ID, []byte("duolog:import:"+name))
}

func (i *importing) do(r dispatch.Request) error {
	ctx, cancel := context.WithTimeout(i.call.Context(), i.server.cfg.Limits.AgentTime)
	defer cancel()
	r.Stream, r.Principal = i.stream, domain.Principal{User: i.call.who.User, System: workflow.SystemImport}
	_, err := i.server.cfg.Dispatch.Do(ctx, r)
	return err
}

// importOf is where a workflow was imported from; nil for any other.
func importOf(from *workflow.Import) []byte {
	if from == nil {
		return nil
	}
	var o object
	o.text("log", from.Log.String())
	o.text("stream", from.Stream)
	o.text("head", from.Head.String())
	o.int("commits", int64(from.Commits))
	o.int("done", int64(from.Done))
	o.time("begun_at", from.BegunAt)
	if from.EndedAt.IsZero() {
		o.raw("ended_at", []byte("null"))
	} else {
		o.time("ended_at", from.EndedAt)
	}
	return o.end()
}
