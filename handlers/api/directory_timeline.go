package api

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/document"
)

// directoryStream is the namespace or user that the path names by its id, or by its
// name: that of one who is gone is found by it.
func (c *call) directoryStream() (domain.StreamID, error) {
	stream := domain.StreamID{Tenant: c.who.Tenant, Kind: domain.Kind(c.PathValue("kind"))}
	if stream.Kind != domain.KindNamespace && stream.Kind != domain.KindUser {
		return stream, notFound("timeline", "ask for that of a namespace or a user")
	}
	name := c.PathValue("id")
	id, err := uuid.Parse(name)
	switch {
	case err == nil:
		stream.ID = id
	case stream.Kind == domain.KindUser && directory.CheckLogin("id", name) == nil:
		stream = directory.UserStream(stream.Tenant, name)
	case stream.Kind == domain.KindNamespace && directory.CheckPath("id", name) == nil:
		stream = directory.NamespaceStream(stream.Tenant, directory.Root(name))
	default:
		return stream, document.InvalidField("id", fmt.Sprintf("id must be a UUID, a login or a path, got %.64q", name), "take the stream from what GET containers or users answers", err)
	}
	about.Of(c.Context()).Touches(stream)
	return stream, nil
}

// getDirectoryTimeline answers GET timeline/:kind/:id: what happened in a namespace, or
// to a user.
func (s *Server) getDirectoryTimeline(c *call) (answer, error) {
	stream, err := c.directoryStream()
	if err != nil {
		return answer{}, err
	}
	return s.timelineOf(c, stream)
}

// getDirectoryEvent answers with one event of it: what an event links to.
func (s *Server) getDirectoryEvent(c *call) (answer, error) {
	stream, err := c.directoryStream()
	if err != nil {
		return answer{}, err
	}
	return s.timelineEventOf(c, stream)
}
