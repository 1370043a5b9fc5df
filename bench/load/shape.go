package load

import (
	"fmt"
	"strings"
)

// Shape is what a checkpoint is like.
type Shape struct {
	// State is its size, New how much of it the step before did not have, in bytes
	// of text; the rest of a checkpoint, some 400 bytes, comes on top.
	State, New int
	// Async asks for the answer that the command is taken, not that it is visible.
	Async bool
}

// kept is the size of the messages that stay from step to step.
const kept = 2000

// The shapes that are measured. 2,000 is just below where Postgres moves a row's
// text out of line, which would slow the baseline down.
const (
	Small = 2000
	Large = 20000
)

// checkpoint is as LangGraph's savers send it: one channel that is new, and where
// something stays, a list of messages. The parent comes with its quotes.
func checkpoint(ts, parent, messages, text string) string {
	values, versions := `"state":"`+text+`"`, `"state":"00000000000000000000000000000002.0.1"`
	if messages != "" {
		values, versions = values+`,"messages":[`+messages+`]`, versions+`,"messages":"00000000000000000000000000000001.0.1"`
	}
	return fmt.Sprintf(`{"thread_ts":"%[1]s","parent_ts":%[2]s,"checkpoint":{"v":4,"id":"%[1]s","channel_values":{%[3]s},"channel_versions":{%[4]s},"versions_seen":{}},`+
		`"metadata":{"source":"loop","step":1,"parents":{}}}`, ts, parent, values, versions)
}

// messages are those that stay: what is not new, in items of 2,000 bytes.
func (s Shape) messages(from Texts) string {
	var out []string
	for left := s.State - s.New; left > 0; left -= kept {
		out = append(out, fmt.Sprintf(`{"type":"human","content":"%s"}`, from.Cut(min(left, kept))))
	}
	return strings.Join(out, ",")
}
