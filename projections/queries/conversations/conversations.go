package conversations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Conversation is one thread, oldest message first.
type Conversation struct {
	ID       uuid.UUID
	Place    conversation.Place
	Workflow *uuid.UUID
	// Updated is when the latest message or decision came.
	Updated  time.Time
	Messages []Message
	// Next is the first position the answer cannot show yet: wait for it to be
	// told of more.
	Next domain.Position
}

// Message is one message with its text, and the number of the workflow it went
// to once that exists.
type Message struct {
	conversation.Message
	Text           string
	WorkflowNumber *int64
}

// maxMessages bounds the messages of one answer: the newest.
const maxMessages = 200

// Queries reads conversations. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// At reads as of then.
func (q *Queries) At(at cut.At) *Queries { return New(q.db.At(at)) }

// Find reads one conversation with its newest messages. It returns not_found,
// with Next set, where the tenant has none of that id.
func (q *Queries) Find(ctx context.Context, tenant domain.Tenant, id uuid.UUID) (Conversation, error) {
	stream := domain.StreamID{Tenant: tenant, Kind: domain.KindConversation, ID: id}
	c := Conversation{ID: id}
	var missing bool
	err := q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		if c.Next, err = tx.Next(ctx, q.db.PartitionOf(stream)); err != nil {
			return err
		}
		at, err := tx.Point(ctx, stream)
		if err != nil {
			return err
		}
		if !at.Now {
			return past(ctx, tx, stream, at, &c)
		}
		err = tx.QueryRow(ctx, `SELECT adapter, team, channel, thread, workflow, updated_at FROM conversations WHERE stream = $1`, stream.String()).
			Scan(&c.Place.Adapter, &c.Place.Team, &c.Place.Channel, &c.Place.Thread, &c.Workflow, &c.Updated)
		if missing = errors.Is(err, pgx.ErrNoRows); missing {
			return nil
		}
		if err != nil {
			return err
		}
		c.Messages, err = messages(ctx, tx, stream, at)
		return err
	})
	switch {
	case err != nil:
		return c, fmt.Errorf("find conversation %s: %w", stream, err)
	case missing:
		return c, &domain.Error{Code: domain.CodeNotFound, Message: "there is no such conversation", Fix: "use the conversation_id that sending a message returned"}
	}
	c.Updated = c.Updated.UTC()
	return c, nil
}

// Message finds one of the messages that were read.
func (c Conversation) Message(id string) (Message, bool) {
	for _, m := range c.Messages {
		if m.ID == id {
			return m, true
		}
	}
	return Message{}, false
}

func messages(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point) ([]Message, error) {
	found, err := tx.Query(ctx, `SELECT stream, message_id, author, text, flow, at, workflow, mode, refused, stopped FROM
		(SELECT * FROM messages WHERE stream = $1 ORDER BY at DESC, message_id COLLATE "C" DESC LIMIT $2) m ORDER BY at, message_id COLLATE "C"`, stream.String(), maxMessages)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	defer found.Close()
	var list []conversation.Message
	for found.Next() {
		var key string
		m, err := projections.ScanMessage(found, &key)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return fill(ctx, tx, stream, at, list)
}

// fill adds the texts of messages, and the numbers of the workflows they went to.
func fill(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point, list []conversation.Message) ([]Message, error) {
	items, out := make([]cut.Item, len(list)), make([]Message, len(list))
	for i, m := range list {
		var err error
		if items[i], err = cut.ItemOf(stream.String(), m.Text); err != nil {
			return nil, err
		}
		out[i].Message = m
	}
	texts, err := tx.Assemble(ctx, items)
	if err != nil {
		return nil, err
	}
	for i, b := range texts {
		out[i].Text = string(b)
	}
	return out, numbers(ctx, tx, stream.Tenant, at, out)
}

// numbers adds the numbers of the workflows that messages went to, of those that there
// were. Between streams there is no order but that of time.
func numbers(ctx context.Context, tx *cut.Tx, tenant domain.Tenant, at cut.Point, list []Message) error {
	var keys []string
	for _, m := range list {
		if m.Workflow != uuid.Nil {
			keys = append(keys, domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: m.Workflow}.String())
		}
	}
	found, err := tx.Query(ctx, `SELECT id, number FROM workflows WHERE stream = ANY($1) AND ($2 OR created_at <= $3)`, keys, at.AsOf.IsZero(), at.AsOf)
	if err != nil {
		return fmt.Errorf("read numbers: %w", err)
	}
	defer found.Close()
	known := map[uuid.UUID]int64{}
	for found.Next() {
		var id uuid.UUID
		var number int64
		if err := found.Scan(&id, &number); err != nil {
			return fmt.Errorf("read a number: %w", err)
		}
		known[id] = number
	}
	for i, m := range list {
		if number, ok := known[m.Workflow]; ok {
			list[i].WorkflowNumber = &number
		}
	}
	return found.Err()
}
