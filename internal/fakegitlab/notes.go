package fakegitlab

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// maxNote bounds a note, in characters.
const maxNote = 1_000_000

type noteWire struct {
	ID           int64      `json:"id"`
	Type         *string    `json:"type"`
	Body         string     `json:"body"`
	Author       *basicUser `json:"author"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	System       bool       `json:"system"`
	NoteableID   int64      `json:"noteable_id"`
	NoteableType string     `json:"noteable_type"`
	NoteableIID  int64      `json:"noteable_iid"`
	ProjectID    int64      `json:"project_id"`
	Resolvable   bool       `json:"resolvable"`
	Internal     bool       `json:"internal"`
	Confidential bool       `json:"confidential"`
}

func (s *Server) noteWire(n *instance.Note) noteWire {
	out := noteWire{
		ID: n.ID, Body: n.Body, Author: s.basicUser(s.user(n.Author)), CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
		NoteableID: n.Noteable, NoteableType: n.Kind, NoteableIID: s.state.Issuables(n.Kind)[n.Noteable].IID, ProjectID: n.Project,
	}
	if !s.state.Discussions[n.Discussion].Single {
		out.Type = optional("DiscussionNote")
	}
	return out
}

type discussionWire struct {
	ID             string     `json:"id"`
	IndividualNote bool       `json:"individual_note"`
	Notes          []noteWire `json:"notes"`
}

func (s *Server) discussionWire(d *instance.Discussion) discussionWire {
	return discussionWire{d.ID, d.Single, wires(d.Notes, func(id int64) noteWire { return s.noteWire(s.state.Notes[id]) })}
}

// write puts a note into a thread.
func (c *call) write(d *instance.Discussion, project int64) (*instance.Note, error) {
	body, err := c.need("body")
	if err != nil {
		return nil, err
	}
	if len([]rune(body)) > maxNote {
		return nil, refuse(http.StatusBadRequest, map[string][]string{"note": {"is too long (maximum is 1000000 characters)"}})
	}
	c.s.state.Discussions[d.ID] = d
	n := &instance.Note{
		ID: c.s.state.Next("note"), Project: project, Kind: d.Kind, Noteable: d.Noteable, Discussion: d.ID,
		Body: body, Author: c.actor.user.ID, CreatedAt: c.now, UpdatedAt: c.now,
	}
	c.s.state.Notes[n.ID] = n
	d.Notes = append(d.Notes, n.ID)
	c.s.tellNote(n, "create")
	return n, nil
}

func (c *call) newDiscussion(kind string, i *instance.Issuable, single bool) *instance.Discussion {
	id := make([]byte, 20)
	_, _ = rand.Read(id) // never fails
	return &instance.Discussion{ID: hex.EncodeToString(id), Kind: kind, Noteable: i.ID, Single: single, Order: c.s.state.Next("discussion")}
}

func createNote(kind string) handle {
	return func(c *call) (any, error) {
		i, err := c.issuable(kind)
		if err != nil {
			return nil, err
		}
		n, err := c.write(c.newDiscussion(kind, i, true), i.Project)
		if err != nil {
			return nil, err
		}
		c.created()
		return c.s.noteWire(n), nil
	}
}

func createDiscussion(kind string) handle {
	return func(c *call) (any, error) {
		i, err := c.issuable(kind)
		if err != nil {
			return nil, err
		}
		d := c.newDiscussion(kind, i, false)
		if _, err := c.write(d, i.Project); err != nil {
			return nil, err
		}
		c.created()
		return c.s.discussionWire(d), nil
	}
}

// discussion is the thread of the path.
func (c *call) discussion(kind string) (*instance.Issuable, *instance.Discussion, error) {
	i, err := c.issuable(kind)
	if err != nil {
		return nil, nil, err
	}
	d := c.s.state.Discussions[c.PathValue("discussion")]
	if d == nil || d.Kind != kind || d.Noteable != i.ID {
		return nil, nil, notFound("Discussion")
	}
	return i, d, nil
}

// replyTo adds to a thread; an answer makes one of a single note.
func replyTo(kind string) handle {
	return func(c *call) (any, error) {
		i, d, err := c.discussion(kind)
		if err != nil {
			return nil, err
		}
		n, err := c.write(d, i.Project)
		if err != nil {
			return nil, err
		}
		d.Single = false
		c.created()
		return c.s.noteWire(n), nil
	}
}

func getDiscussion(kind string) handle {
	return func(c *call) (any, error) {
		_, d, err := c.discussion(kind)
		if err != nil {
			return nil, err
		}
		return c.s.discussionWire(d), nil
	}
}

func listDiscussions(kind string) handle {
	return func(c *call) (any, error) {
		i, err := c.issuable(kind)
		if err != nil {
			return nil, err
		}
		return wires(page(c, c.s.state.DiscussionsOf(kind, i.ID)), c.s.discussionWire), nil
	}
}

func listNotes(kind string) handle {
	return func(c *call) (any, error) {
		i, err := c.issuable(kind)
		if err != nil {
			return nil, err
		}
		notes := c.s.state.NotesOf(kind, i.ID)
		if !strings.EqualFold(c.str("sort"), "asc") {
			slices.Reverse(notes)
		}
		return wires(page(c, notes), c.s.noteWire), nil
	}
}

// note is the note of the path.
func (c *call) note(kind string) (*instance.Note, error) {
	i, err := c.issuable(kind)
	if err != nil {
		return nil, err
	}
	n := c.s.state.Notes[c.id("note")]
	if n == nil || n.Kind != kind || n.Noteable != i.ID {
		return nil, notFound("Note")
	}
	return n, nil
}

// ownNote is the note of the path, for its author or a maintainer.
func (c *call) ownNote(kind string) (*instance.Note, error) {
	n, err := c.note(kind)
	if err == nil && n.Author != c.actor.user.ID {
		_, err = c.project(instance.Maintainer)
	}
	return n, err
}

func getNote(kind string) handle {
	return func(c *call) (any, error) {
		n, err := c.note(kind)
		if err != nil {
			return nil, err
		}
		return c.s.noteWire(n), nil
	}
}

func editNote(kind string) handle {
	return func(c *call) (any, error) {
		n, err := c.ownNote(kind)
		if err != nil {
			return nil, err
		}
		body, err := c.need("body")
		if err != nil {
			return nil, err
		}
		n.Body, n.UpdatedAt = body, c.now
		c.s.tellNote(n, "update")
		return c.s.noteWire(n), nil
	}
}

func deleteNote(kind string) handle {
	return func(c *call) (any, error) {
		n, err := c.ownNote(kind)
		if err != nil {
			return nil, err
		}
		c.s.state.RemoveNote(n)
		return nil, nil //nolint:nilnil // an answer without a body
	}
}
