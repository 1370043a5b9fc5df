package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// MaxText bounds an answer, in bytes; what is longer is cut and says so.
const MaxText = 1 << 20

const (
	channel = "ui_chat_log"
	cutNote = "\n\n… (cut; the whole answer stands in the session)"
)

// Said is what the agent said last; a part is empty when it never did.
type Said struct {
	// Answer is the last text that called no tool.
	Answer string
	// Question is the last text or request to a person.
	Question string
}

// Queries reads answers. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db} }

// Last is what the newest checkpoint of the workflow's root namespace says. A
// workflow without checkpoints, or whose chat log cannot be read as one, has
// said nothing.
func (q *Queries) Last(ctx context.Context, stream domain.StreamID) (Said, error) {
	var raw []byte
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		var err error
		raw, err = chatLog(ctx, tx, stream.String())
		return err
	})
	if err != nil {
		return Said{}, fmt.Errorf("read the chat log of %s: %w", stream, err)
	}
	return Parse(raw), nil
}

func chatLog(ctx context.Context, tx *cut.Tx, stream string) ([]byte, error) {
	var names, ids, manifest []byte
	err := tx.QueryRow(ctx, `SELECT channels, ids FROM checkpoints
		WHERE stream = $1 AND ns_hash = $2 ORDER BY thread_ts DESC LIMIT 1`, stream, projections.NSHash("")).Scan(&names, &ids)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the newest checkpoint: %w", err)
	}
	channels, err := projections.UnpackChannels(names, ids)
	if err != nil {
		return nil, err
	}
	id, there := channels[channel]
	if !there {
		return nil, nil
	}
	if err := tx.QueryRow(ctx, `SELECT manifest FROM manifests WHERE stream = $1 AND id = $2`, stream, id[:]).Scan(&manifest); err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", id, err)
	}
	var m value.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	out, err := tx.Assemble(ctx, []cut.Item{{Stream: stream, Manifest: m}})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// entry is what counts of one line of the chat log.
type entry struct {
	Type      string          `json:"message_type"`
	Content   json.RawMessage `json:"content"`
	ToolCalls json.RawMessage `json:"tool_calls"`
}

// Parse finds the last words in the bytes of a chat log. It takes whatever
// agents write: an entry it cannot read is skipped.
func Parse(raw []byte) Said {
	var log []json.RawMessage
	if json.Unmarshal(raw, &log) != nil {
		return Said{}
	}
	var out Said
	for i := len(log) - 1; i >= 0 && (out.Answer == "" || out.Question == ""); i-- {
		var e entry
		if json.Unmarshal(log[i], &e) != nil {
			continue
		}
		text, isAgent := e.text(), e.Type == "agent"
		if out.Question == "" && (isAgent || e.Type == "request") {
			out.Question = text
		}
		if out.Answer == "" && isAgent && !e.callsTools() {
			out.Answer = text
		}
	}
	return out
}

func (e entry) text() string {
	var text string
	if json.Unmarshal(e.Content, &text) != nil || strings.TrimSpace(text) == "" {
		return ""
	}
	return clip(text)
}

func (e entry) callsTools() bool {
	switch strings.TrimSpace(string(e.ToolCalls)) {
	case "", "null", "[]", "{}":
		return false
	}
	return true
}

func clip(text string) string {
	if len(text) <= MaxText {
		return text
	}
	end := MaxText - len(cutNote)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cutNote
}
