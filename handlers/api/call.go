package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// call is one request of somebody who is known.
type call struct {
	*http.Request
	w   http.ResponseWriter
	who entry.Caller
	// trigger is set where something new begins: it is refused where an agent's
	// write would wait.
	trigger bool
	// release gives the room of the body back; nil before it is taken.
	release func()
}

func (c *call) end() {
	if c.release != nil {
		c.release()
	}
}

// answer is what a client gets: raw JSON, and the bytes of values behind it.
type answer struct {
	status int
	header http.Header
	body   []byte
	tail   [][]byte
	// follow is set for a stream of events: they come after the header. leave is called
	// when it has ended.
	follow following
	leave  func()
	// rest writes what comes after body, however long it takes; its error cuts the
	// answer off. Nil for nothing.
	rest func(ctx context.Context, w io.Writer) error
}

func ok(body []byte) answer { return answer{status: http.StatusOK, body: body} }

func created(body []byte) answer { return answer{status: http.StatusCreated, body: body} }

// stream is the workflow the path names. Another tenant's is not there, and
// for a run neither is any but its own.
func (s *Server) stream(c *call) (domain.StreamID, error) {
	ref, err := workflows.ParseRef(c.PathValue("id"))
	if err != nil {
		return domain.StreamID{}, err
	}
	if ref.ID == uuid.Nil {
		if err := s.gate(c.Context()); err != nil {
			return domain.StreamID{}, err
		}
	}
	stream, err := s.cfg.Workflows.Locate(c.Context(), c.who.Tenant, ref)
	if err != nil {
		return stream, err
	}
	if c.who.Run != nil && c.who.Workflow != stream.ID {
		return stream, noSuchWorkflow()
	}
	about.Of(c.Context()).Touches(stream)
	return stream, nil
}

// maxQuery bounds one parameter of the URL, in bytes.
const maxQuery = 8 << 10

// query reads one parameter of the URL that comes at most once.
func (c *call) query(name string) (string, error) {
	values := c.URL.Query()[name]
	if len(values) > 1 {
		return "", domain.InvalidField(name, name+" comes more than once", "send it once")
	}
	if len(values) == 0 {
		return "", nil
	}
	if err := domain.CheckText(name, values[0], maxQuery); err != nil {
		return "", err
	}
	return values[0], nil
}

// queryInt reads a whole number within its bounds; one above the most is the
// most.
func (c *call) queryInt(name string, fallback, least, most int) (int, error) {
	s, err := c.query(name)
	if err != nil || s == "" {
		return fallback, err
	}
	n, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrRange) || err != nil || n < least {
		return 0, domain.InvalidField(name, fmt.Sprintf("%s must be a whole number from %d, got %.40q", name, least, s), "send such a number")
	}
	return min(n, most), nil
}
