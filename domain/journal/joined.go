package journal

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/duolog/duolog/domain/strictjson"
)

// JoinedType is the type of the event that a commit of several commands ends with.
const JoinedType = "workflow.commands_joined"

// Joined is a command that was decided into the commit of another.
type Joined struct {
	CommandRef

	// First is the index in the commit of the first event that it came to.
	First int `json:"first"`
}

// AppendJSON appends the command.
func (j Joined) AppendJSON(b []byte) []byte {
	b = j.appendMembers(append(b, '{'))
	b = strconv.AppendInt(append(b, `,"first":`...), int64(j.First), 10)
	return append(b, '}')
}

// AppendJoined appends the data of the event.
func AppendJoined(b []byte, commands []Joined) []byte {
	b = appendList(append(b, `{"commands":`...), commands, func(b []byte, j Joined) []byte { return j.AppendJSON(b) })
	return append(b, '}')
}

// Commands are all that the commit carries out, in their order: the one that it names
// and those that its last event does. Where that event is not the last one, the commit
// was imported, and they were carried out in another stream.
func (c Commit) Commands() []Joined {
	out := []Joined{{CommandRef: c.Command}}
	last := c.Events[len(c.Events)-1]
	if last.Type != JoinedType {
		return out
	}
	return append(out, readJoined(last.Data)...)
}

// readJoined is empty for what this build cannot read: its stream is stopped there.
func readJoined(data json.RawMessage) []Joined {
	if joined, ok := canonicalJoined(data); ok {
		return joined
	}
	var e struct {
		Commands []Joined `json:"commands"`
	}
	if strictjson.Unmarshal(data, &e) != nil {
		return nil
	}
	return e.Commands
}

// canonicalJoined reads the form that AppendJoined writes.
func canonicalJoined(data []byte) (out []Joined, ok bool) {
	c := strictjson.NewCursor(data)
	c.Skip(`{"commands":`)
	c.List(func() {
		c.Skip("{")
		j := Joined{CommandRef: commandAt(c)}
		c.Skip(`,"first":`)
		j.First = int(c.Int())
		c.Skip("}")
		out = append(out, j)
	})
	c.Skip("}")
	return out, c.Done()
}

// CommandOf is the one of a commit's commands that its event i is of.
func CommandOf(commands []Joined, i int) CommandRef {
	for _, j := range slices.Backward(commands) {
		if j.First <= i {
			return j.CommandRef
		}
	}
	return commands[0].CommandRef
}
