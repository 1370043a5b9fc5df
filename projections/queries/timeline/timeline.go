package timeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Event is one accepted event.
type Event struct {
	Position  domain.Position
	Index     int
	Commit    uuid.UUID
	Time      time.Time
	Principal domain.Principal
	Command   journal.CommandRef
	// Event is its type, version and data, as it stands in the log.
	journal.Event
	// Text holds the short texts that the event names by value.
	Text map[string]string
	// Gone are the names of those whose bytes were removed.
	Gone []string
}

// Page is what follows a position.
type Page struct {
	Events []Event
	// Last is the position of the last event; where there is none, what was
	// asked for.
	Last domain.Position
	// Next is the first position that the page cannot show yet: wait for it to
	// be told of more.
	Next domain.Position
}

// maxText bounds the texts that a page shows, in bytes.
const maxText = 16 << 10

// Queries reads timelines. It is safe for concurrent use.
type Queries struct {
	db      cut.DB
	decoder workflow.Decoder
}

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db, decoder: workflow.NewDecoder()} }

// At reads up to then.
func (q *Queries) At(at cut.At) *Queries { return &Queries{db: q.db.At(at), decoder: q.decoder} }

// Start is the position before the first event of a stream.
func (q *Queries) Start(stream domain.StreamID) domain.Position {
	return domain.Position{Partition: q.db.PartitionOf(stream), Offset: 0}
}

// After reads the events of at most commits commits that follow a position; a
// commit is never cut. It returns not_found where there is no workflow, and
// invalid_field for a position of another partition.
func (q *Queries) After(ctx context.Context, stream domain.StreamID, after domain.Position, commits int) (Page, error) {
	page := Page{Last: after}
	if start := q.Start(stream); after.Partition != start.Partition {
		return page, domain.InvalidField("after", fmt.Sprintf("after must be a position of partition %d, got %s", start.Partition, after), "send a position that this timeline returned")
	}
	err := q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		if page.Next, err = tx.Next(ctx, after.Partition); err != nil {
			return err
		}
		at, err := tx.Point(ctx, stream)
		if err != nil {
			return err
		}
		if page.Events, err = q.read(ctx, tx, stream, after.Offset, at.Upto(), commits); err != nil {
			return err
		}
		if n := len(page.Events); n > 0 {
			page.Last = page.Events[n-1].Position
			return q.resolve(ctx, tx, stream.String(), page.Events, maxText)
		}
		return exists(ctx, tx, stream)
	})
	if err != nil {
		return page, fmt.Errorf("timeline of %s after %s: %w", stream, after, err)
	}
	return page, nil
}

// Last reads the last events of at most commits commits that are not behind a point,
// oldest first, of those commits that carry something.
func (q *Queries) Last(ctx context.Context, tx *cut.Tx, stream domain.StreamID, what cut.Carrying, at cut.Point, commits int) ([]Event, error) {
	found, err := tx.Query(ctx, `SELECT partition, "offset", record FROM (SELECT * FROM commits WHERE stream = $1 AND "offset" <= $2 AND `+string(what)+
		` ORDER BY "offset" DESC LIMIT $3) c ORDER BY "offset"`, projections.ShortKeyOf(stream.String()), at.Upto(), commits)
	if err != nil {
		return nil, fmt.Errorf("read commits: %w", err)
	}
	events, err := scan(tx, found)
	if err != nil {
		return nil, err
	}
	return events, q.resolve(ctx, tx, stream.String(), events, maxText)
}

// One reads one event, with its texts however long they are. It returns not_found where
// the stream has no such event.
func (q *Queries) One(ctx context.Context, stream domain.StreamID, at domain.Position, index int) (Event, error) {
	var out Event
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		events, err := q.read(ctx, tx, stream, at.Offset-1, at.Offset, 1)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(events, func(e Event) bool { return e.Position == at && e.Index == index })
		if i < 0 {
			return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such event", Fix: "take its link from the event, or list the timeline"}
		}
		if err := q.resolve(ctx, tx, stream.String(), events[i:i+1], math.MaxInt64); err != nil {
			return err
		}
		out = events[i]
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("event %s/%d of %s: %w", at, index, stream, err)
	}
	return out, nil
}

func exists(ctx context.Context, tx *cut.Tx, stream domain.StreamID) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM heads WHERE stream = $1`, stream.String()).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such " + string(stream.Kind), Fix: "check the id; the lists of the API show yours"}
	}
	return err
}

func (q *Queries) read(ctx context.Context, tx *cut.Tx, stream domain.StreamID, after, upto int64, commits int) ([]Event, error) {
	found, err := tx.Query(ctx, `SELECT partition, "offset", record FROM commits WHERE stream = $1 AND "offset" > $2 AND "offset" <= $3 ORDER BY "offset" LIMIT $4`,
		projections.ShortKeyOf(stream.String()), after, upto, commits)
	if err != nil {
		return nil, fmt.Errorf("read commits: %w", err)
	}
	return scan(tx, found)
}

// scan reads the events of commits.
func scan(tx *cut.Tx, found pgx.Rows) ([]Event, error) {
	defer found.Close()
	var out []Event
	for found.Next() {
		var at domain.Position
		var packed []byte
		if err := found.Scan(&at.Partition, &at.Offset, &packed); err != nil {
			return nil, fmt.Errorf("read a commit: %w", err)
		}
		commit, err := tx.DecodeCommit(packed)
		if err != nil {
			return nil, fmt.Errorf("commit at %s: %w", at, err)
		}
		commands := commit.Commands()
		for i, e := range commit.Events {
			out = append(out, Event{
				Position: at, Index: i, Commit: commit.ID, Time: commit.Time, Principal: commit.Principal, Command: journal.CommandOf(commands, i), Event: e,
			})
		}
	}
	return out, found.Err()
}

// resolve fills in the texts of all events together, those up to a size. An event
// that this build does not know is shown without.
func (q *Queries) resolve(ctx context.Context, tx *cut.Tx, stream string, events []Event, most int64) error {
	var items []cut.Item
	var places []place
	for i := range events {
		decoded, err := q.decoder.Decode(events[i].Event)
		if err != nil {
			continue
		}
		for name, v := range texts(decoded) {
			if v.Size > most {
				continue
			}
			item, err := cut.ItemOf(stream, v)
			if err != nil {
				return err
			}
			items = append(items, item)
			places = append(places, place{&events[i], name})
		}
	}
	values, gone, err := tx.AssembleLeft(ctx, items)
	if err != nil {
		return err
	}
	for i, b := range values {
		places[i].fill(string(b), gone[i])
	}
	return nil
}

// place is where the text of an event goes.
type place struct {
	event *Event
	name  string
}

func (p place) fill(text string, gone bool) {
	switch {
	case gone:
		p.event.Gone = append(p.event.Gone, p.name)
	case p.event.Text == nil:
		p.event.Text = map[string]string{p.name: text}
	default:
		p.event.Text[p.name] = text
	}
}

// texts are the values of an event that people read.
func texts(event workflow.Event) map[string]value.Value {
	switch e := event.(type) {
	case workflow.Created:
		return map[string]value.Value{"goal": e.Goal}
	case workflow.FlowConfigured:
		return map[string]value.Value{"config": e.Config}
	case workflow.MessageReceived:
		return map[string]value.Value{"text": e.Text}
	case workflow.DeliveryRequested:
		return map[string]value.Value{"message": e.Message}
	case workflow.NotificationRequested:
		return map[string]value.Value{"data": e.Data}
	case workflow.RedeliveryRequested:
		return map[string]value.Value{"message": e.Message}
	case workflow.MailQueued:
		if e.Text != nil {
			return map[string]value.Value{"text": *e.Text}
		}
	case workflow.ApprovalDecided:
		if e.Message != nil {
			return map[string]value.Value{"message": *e.Message}
		}
	case workflow.ToolDecided:
		if e.Arguments != nil {
			return map[string]value.Value{"arguments": *e.Arguments}
		}
	case workflow.WorkloadFinished:
		if e.Log != nil {
			return map[string]value.Value{"log": *e.Log}
		}
	default:
		// Checkpoints and writes have their own endpoints; the rest has no text.
	}
	return nil
}
