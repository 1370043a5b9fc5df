package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/plain"
	"github.com/duolog/duolog/projections/queries/stored"
	"github.com/duolog/duolog/projections/queries/threads"
)

// MaxText bounds an answer, in bytes; what is longer is cut and says so.
const MaxText = 1 << 20

// What an agent says stands in the first of these channels that the newest checkpoint
// has: the log of the Duo Workflow API, or the messages of LangChain.
const (
	chatLog  = "ui_chat_log"
	messages = "messages"
)

const cutNote = "\n\n… (cut; the whole answer stands in the session)"

// Said is what the agent said last; a part is empty when it never did.
type Said struct {
	// Answer is the last text that called no tool.
	Answer string
	// Question is the last text or request to a person.
	Question string
	// Waits says that a task was interrupted and that nobody has answered it yet.
	Waits bool
	// OldAnswer and OldQuestion say that a person has spoken since: what the agent says to
	// that is not here yet.
	OldAnswer, OldQuestion bool
}

// Queries reads answers. It is safe for concurrent use.
type Queries struct {
	db      cut.DB
	threads *threads.Queries
}

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db, threads.New(db)} }

// Last is what the newest checkpoint of the workflow's root namespace says. A
// workflow without checkpoints, or whose state cannot be read so, has said nothing.
func (q *Queries) Last(ctx context.Context, stream domain.StreamID) (Said, error) {
	var n newest
	err := q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		n, err = readNewest(ctx, tx, stream.String())
		return err
	})
	if err != nil {
		return Said{}, fmt.Errorf("read what was said last in %s: %w", stream, err)
	}
	var said Said
	switch {
	case n.channel == chatLog:
		said = Parse(n.said)
	case n.channel == messages:
		said = ParseMessages(n.said)
	case n.versions:
		if said, err = q.fromWrites(ctx, stream); err != nil {
			return Said{}, err
		}
	}
	return n.interrupted(said), nil
}

// maxRead bounds the bytes that are looked at; a larger state has said nothing.
const maxRead = 64 << 20

// newest is the newest checkpoint as far as it says something.
type newest struct {
	// channel is the one that has what was said, empty where none has; said is its
	// value as JSON.
	channel string
	said    []byte
	// versions says that there is a checkpoint, whose messages may stand in the writes
	// of its ancestors.
	versions bool
	// writes are what tasks were interrupted with, and answered.
	writes []stored.Write
}

// resume is the channel in which a task that waited for a person is answered.
const resume = "__resume__"

func readNewest(ctx context.Context, tx *cut.Tx, stream string) (n newest, err error) {
	var ts uuid.UUID
	var names, ids []byte
	lineage := stored.Lineage{Stream: stream, Before: projections.AllNumbers}
	err = tx.QueryRow(ctx, `SELECT thread_ts, channels, ids FROM (`+projections.NewestCheckpoint("$1", "$2", "$3")+`) c`,
		projections.ShortKeyOf(stream), projections.NSHash(lineage.NS), lineage.Before).Scan(&ts, &names, &ids)
	if errors.Is(err, pgx.ErrNoRows) {
		return n, nil
	}
	if err != nil {
		return n, fmt.Errorf("find the newest checkpoint: %w", err)
	}
	channels, err := projections.UnpackChannels(names, ids)
	if err != nil {
		return n, err
	}
	n.versions = true
	var wanted []value.Address
	for _, name := range []string{chatLog, messages} {
		if id, there := channels[name]; there {
			n.channel, wanted = name, []value.Address{id}
			break
		}
	}
	parts, size, err := stored.ReadParts(ctx, tx, lineage, wanted, []uuid.UUID{ts}, []string{workflow.InterruptChannel, resume}, maxRead)
	if err != nil || size > maxRead {
		return newest{}, err
	}
	for _, v := range parts.Values {
		n.said = plain.JSON(v.Type, v.Bytes())
	}
	n.writes = parts.Writes[ts]
	return n, nil
}

// fromWrites looks for messages where the channel is kept as its changes: the newest of
// them come last.
func (q *Queries) fromWrites(ctx context.Context, stream domain.StreamID) (Said, error) {
	history, err := q.threads.History(ctx, stream, "", nil, []string{messages})
	if domain.CodeOf(err) == domain.CodeTooLarge || len(history) == 0 {
		return Said{}, nil
	}
	if err != nil {
		return Said{}, err
	}
	var said Said
	for _, w := range slices.Backward(history[0].Writes) {
		if said = said.or(ParseMessages(plain.JSON(w.Type, w.Bytes))); said.Answer != "" {
			return said, nil
		}
	}
	if seed := history[0].Seed; seed != nil {
		said = said.or(ParseMessages(plain.JSON(seed.Type, seed.Bytes())))
	}
	return said, nil
}

// or fills in what was said before.
func (s Said) or(before Said) Said {
	if s.Answer == "" {
		s.Answer, s.OldAnswer = before.Answer, s.OldAnswer || before.OldAnswer
	}
	if s.Question == "" {
		s.Question, s.OldQuestion = before.Question, s.OldQuestion || before.OldQuestion
	}
	return s
}

// asked notes, on the way back from the end, that a person spoke.
func (s *Said) asked() {
	s.OldAnswer, s.OldQuestion = s.OldAnswer || s.Answer == "", s.OldQuestion || s.Question == ""
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
