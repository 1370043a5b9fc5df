package api

import (
	"net/http"
	"time"

	"github.com/duolog/duolog/handlers/document"
)

const (
	// requestBytes is what a request weighs beside its body.
	requestBytes = 4 << 10
	// inflation is how much larger a compressed body is taken to become.
	inflation = 16
	// bodyTime and bodyRate are how long a body may take: that, and a second
	// more for so many bytes. A slower client keeps room from the others.
	bodyTime = 10 * time.Second
	bodyRate = 256 << 10
)

// sizeOf is what the body of a request takes at most, as far as one can know
// before reading it.
func sizeOf(r *http.Request, most int64) int64 {
	size := r.ContentLength
	switch {
	case size < 0:
		size = most
	case r.Header.Get("Content-Encoding") != "":
		size *= inflation
	}
	return min(size, most) + requestBytes
}

// leaveBody bounds how long the body of a refused request may take that was not
// read: the server reads what is left of it behind the answer, so that the
// connection can be used again, and a slow client would keep both for a minute.
func (s *Server) leaveBody(c *call) {
	if c.release == nil && c.ContentLength != 0 {
		_ = http.NewResponseController(c.w).SetReadDeadline(s.cfg.Now().Add(bodyTime)) // not every writer has a connection
	}
}

// admitted reads the body of a request once there is room for it: a client that
// must wait has sent nothing yet that is kept here.
func (s *Server) admitted(c *call, most int64) ([]byte, error) {
	most = min(most, s.cfg.Limits.MaxBody)
	size := sizeOf(c.Request, most)
	var err error
	if c.trigger {
		c.release, err = s.bodies.Try(c.who.Tenant, size)
	} else {
		c.release, err = s.bodies.Hold(c.Context(), c.who.Tenant, size)
	}
	if err != nil {
		return nil, err
	}
	// A deadline in the past ends the read under way. It is not set beforehand: the
	// server goes on reading behind the body, to hear of a client that hangs up.
	control := http.NewResponseController(c.w)
	late := time.AfterFunc(bodyTime+time.Duration(size/bodyRate)*time.Second, func() {
		_ = control.SetReadDeadline(time.Unix(1, 0))
	})
	body, err := s.readBody(c.w, c.Request, most)
	if late.Stop() {
		return body, err
	}
	return nil, document.InvalidBody("the body came too slowly", "send it faster, or less of it", err)
}
