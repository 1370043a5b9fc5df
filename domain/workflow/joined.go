package workflow

import "github.com/duolog/duolog/domain/journal"

// CommandsJoined ends a commit that carries out several commands, and names those
// beside the one that the commit names itself. It changes nothing.
type CommandsJoined struct {
	Commands []journal.Joined `json:"commands"`
}

// AppendJSON appends the event.
func (e CommandsJoined) AppendJSON(b []byte) []byte { return journal.AppendJoined(b, e.Commands) }
