package journal

import (
	"encoding/json"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/strictjson"
	"github.com/duolog/duolog/domain/value"
)

// canonical reads a commit in the form that Encode writes. What is written
// otherwise it leaves to the decoder: ok is false.
func canonical(encoded []byte) (r commitRecord, ok bool) {
	c := strictjson.NewCursor(encoded)
	c.Skip(`{"v":`)
	r.V = int(c.Int())
	c.Skip(`,"stream":`)
	r.Stream = c.Text()
	c.Skip(`,"parent":`)
	r.Parent = hashAt(c)
	c.Skip(`,"id":`)
	r.ID = c.UUID()
	c.Skip(`,"time":`)
	r.Time = timeAt(c)
	c.Skip(`,"command":{`)
	r.Command = commandAt(c)
	c.Skip(`},"principal":`)
	r.Principal = principalAt(c)
	if c.Is(`,"needs":`) {
		c.List(func() { r.Needs = append(r.Needs, value.AddressAt(c)) })
	}
	c.Skip(`,"events":`)
	c.List(func() { r.Events = append(r.Events, eventAt(c)) })
	c.Skip("}")
	return r, c.Done()
}

// commandAt reads the members of a command.
func commandAt(c *strictjson.Cursor) (r CommandRef) {
	c.Skip(`"id":`)
	r.ID = c.UUID()
	c.Skip(`,"type":`)
	r.Type = c.Text()
	if c.Is(`,"hash":`) {
		r.Hash = hashAt(c)
	}
	return r
}

func hashAt(c *strictjson.Cursor) (h Hash) {
	if h.UnmarshalText([]byte(c.Text())) != nil {
		c.Fail()
	}
	return h
}

// timeAt reads a time in UTC.
func timeAt(c *strictjson.Cursor) (t time.Time) {
	s := c.Text()
	if len(s) < len("2006-01-02T15:04:05Z") || s[len(s)-1] != 'Z' || t.UnmarshalText([]byte(s)) != nil {
		c.Fail()
	}
	return t
}

func principalAt(c *strictjson.Cursor) (p domain.Principal) {
	c.Skip("{")
	comma := false
	member := func(name string) bool {
		if comma {
			name = "," + name
		}
		is := c.Is(name)
		comma = comma || is
		return is
	}
	if member(`"user":`) {
		p.User = c.Text()
	}
	if member(`"service_account":`) {
		p.ServiceAccount = c.Text()
	}
	if member(`"system":`) {
		p.System = c.Text()
	}
	if member(`"run":{"id":`) {
		p.Run = &domain.RunRef{ID: c.UUID()}
		c.Skip(`,"epoch":`)
		p.Run.Epoch = int(c.Int())
		c.Skip("}")
	}
	c.Skip("}")
	return p
}

func eventAt(c *strictjson.Cursor) (e Event) {
	c.Skip(`{"type":`)
	e.Type = c.Text()
	c.Skip(`,"v":`)
	e.V = int(c.Int())
	c.Skip(`,"data":`)
	e.Data = json.RawMessage(c.Object())
	c.Skip("}")
	return e
}
