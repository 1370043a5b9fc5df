package fakegitlab

import (
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

type awardWire struct {
	ID            int64      `json:"id"`
	Name          string     `json:"name"`
	User          *basicUser `json:"user"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	AwardableID   int64      `json:"awardable_id"`
	AwardableType string     `json:"awardable_type"`
}

func (s *Server) awardWire(a *instance.Award) awardWire {
	return awardWire{a.ID, a.Name, s.basicUser(s.user(a.User)), a.CreatedAt, a.CreatedAt, a.Target, a.Kind}
}

// awardable is what the path's emoji are on.
func (c *call) awardable(kind string) (string, int64, error) {
	if c.PathValue("note") != "" {
		n, err := c.note(kind)
		if err != nil {
			return "", 0, err
		}
		return instance.NoteableNote, n.ID, nil
	}
	i, err := c.issuable(kind)
	if err != nil {
		return "", 0, err
	}
	return kind, i.ID, nil
}

func (s *Server) awardsOn(kind string, target int64) []*instance.Award {
	found := []*instance.Award{}
	for _, a := range instance.Sorted(s.state.Awards) {
		if a.Kind == kind && a.Target == target {
			found = append(found, a)
		}
	}
	return found
}

func listAwards(kind string) handle {
	return func(c *call) (any, error) {
		on, target, err := c.awardable(kind)
		if err != nil {
			return nil, err
		}
		return wires(page(c, c.s.awardsOn(on, target)), c.s.awardWire), nil
	}
}

// createAward answers a second time with 404, as GitLab does.
func createAward(kind string) handle {
	return func(c *call) (any, error) {
		on, target, err := c.awardable(kind)
		if err != nil {
			return nil, err
		}
		name, err := c.need("name")
		if err != nil {
			return nil, err
		}
		for _, a := range c.s.awardsOn(on, target) {
			if a.Name == name && a.User == c.actor.user.ID {
				return nil, notFound("Award Emoji Name has already been taken")
			}
		}
		a := &instance.Award{ID: c.s.state.Next("award"), Name: name, User: c.actor.user.ID, Kind: on, Target: target, CreatedAt: c.now}
		c.s.state.Awards[a.ID] = a
		c.created()
		return c.s.awardWire(a), nil
	}
}

func deleteAward(kind string) handle {
	return func(c *call) (any, error) {
		on, target, err := c.awardable(kind)
		if err != nil {
			return nil, err
		}
		a := c.s.state.Awards[c.id("award")]
		switch {
		case a == nil || a.Kind != on || a.Target != target:
			return nil, notFound("Award Emoji")
		case a.User != c.actor.user.ID && !c.actor.user.Admin:
			return nil, forbidden()
		}
		delete(c.s.state.Awards, a.ID)
		return nil, nil //nolint:nilnil // an answer without a body
	}
}
