package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// jsonLines is the type of a file of JSON lines.
const jsonLines = "application/jsonl"

// restPatience is how long a client may take to read a part of a long answer, or to
// send one of a long request.
const restPatience = time.Minute

// exportWorkflow answers GET workflows/:id/export with all of the workflow, as it shows
// now. A file without its end was cut off.
func (s *Server) exportWorkflow(c *call) (answer, error) {
	stream, err := s.shownStream(c)
	if err != nil {
		return answer{}, err
	}
	export, err := s.cfg.Exports.Open(c.Context(), stream)
	if err != nil {
		return answer{}, err
	}
	out := answer{status: http.StatusOK, header: http.Header{
		"Content-Type": {jsonLines}, "Content-Disposition": {`attachment; filename="workflow-` + stream.ID.String() + `.jsonl"`},
	}}
	out.rest = func(ctx context.Context, w io.Writer) error {
		return export.Lines(ctx, func(line []byte) error {
			_, err := w.Write(line)
			return err
		})
	}
	return out, nil
}

// writeRest writes a long answer. A client that takes nothing for a while is hung up
// on; what goes wrong in the middle cuts the answer off, and is seen by that.
func (s *Server) writeRest(ctx context.Context, w http.ResponseWriter, rest func(context.Context, io.Writer) error) {
	control := http.NewResponseController(w)
	patient := writerFunc(func(b []byte) (int, error) {
		_ = control.SetWriteDeadline(s.cfg.Now().Add(restPatience)) // not every writer has a connection
		return w.Write(b)
	})
	if err := rest(ctx, patient); err != nil {
		s.cfg.Logger.WarnContext(ctx, "answer cut off", slog.Any("error", err))
		panic(http.ErrAbortHandler)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
