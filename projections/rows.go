package projections

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// The rows that one batch writes, table by table.
type (
	commitRow struct {
		partition   int32
		offset      int64
		stream      ShortKey
		hash        []byte
		commandID   uuid.UUID
		commandHash []byte
		time        time.Time
		events      int32
		record      []byte
		deliveries  bool
		messages    bool
		tenant      string
	}
	ignoredRow struct {
		partition int32
		offset    int64
		stream    *string
		key       []byte
		reason    string
		detail    string
		size      int32
	}
	headRow struct {
		stream    string
		partition int32
		offset    int64
		number    int64
		hash      []byte
		time      time.Time
		state     []byte
	}
	stateRow struct {
		stream string
		offset int64
		time   time.Time
		state  []byte
	}
	stoppedRow struct {
		stream    string
		partition int32
		offset    int64
		reason    string
		build     string
		since     time.Time
	}
	blobRow struct {
		stream  ShortKey
		address []byte
		codec   int16
		data    []byte
	}
	manifestRow struct {
		stream   ShortKey
		id       []byte
		manifest []byte
		// part is what it is packed over; nil for nothing.
		part  []byte
		whole value.Manifest
	}
	partRow struct {
		stream  ShortKey
		address []byte
		entries []byte
	}
	workflowRow struct {
		stream     string
		short      ShortKey
		tenant     string
		id         uuid.UUID
		number     int64
		status     string
		definition string
		project    string
		source     string
		owner      string
		run        *uuid.UUID
		engine     string
		active     bool
		workload   string
		home       string
		createdAt  time.Time
		// thread is empty where there is none.
		thread string
		// expires says that something may be kept long enough; ttl is for how many
		// seconds, below 0 where the tenant says that.
		expires bool
		ttl     int64
	}
	checkpointRow struct {
		stream        ShortKey
		nsHash        []byte
		threadTS      uuid.UUID
		ns            []byte
		parentTS      *uuid.UUID
		number        int64
		header        []byte
		metadata      []byte
		channels      []byte
		ids           []byte
		currentThread int32
		epoch         int32
		runID         []byte
	}
	writeRow struct {
		stream   ShortKey
		nsHash   []byte
		threadTS uuid.UUID
		number   int64
		packed   []byte
	}
	conversationRow struct {
		stream    string
		tenant    string
		id        uuid.UUID
		adapter   string
		team      string
		channel   string
		thread    string
		workflow  *uuid.UUID
		messages  int32
		updatedAt time.Time
	}
	messageRow struct {
		stream    string
		messageID string
		author    string
		text      []byte
		flow      string
		at        time.Time
		workflow  *uuid.UUID
		mode      string
		refused   []byte
		stopped   []byte
	}
	deliveryRow struct {
		stream      string
		id          uuid.UUID
		run         uuid.UUID
		adapter     string
		kind        string
		status      string
		attempts    int32
		body        []byte
		requestedAt time.Time
		tenant      string
		hook        string
		event       string
		first       int64
		last        int64
	}
	attemptRow struct {
		stream  string
		id      uuid.UUID
		attempt int32
		tenant  string
		at      time.Time
		by      string
		outcome string
		endedAt *time.Time
		target  string
		status  int32
		answer  string
		note    string
		retryAt *time.Time
	}
	intentRow struct {
		stream    string
		kind      string
		id        uuid.UUID
		partition int32
		due       time.Time
		attempt   int32
		open      bool
		by        string
		lane      string
		home      string
	}
)

// threadBytes is the column of a thread's id, which may be any text.
func (w *workflowRow) threadBytes() []byte {
	if w.thread == "" {
		return nil
	}
	return []byte(w.thread)
}

// ttlSeconds is the column of how long a thread is kept.
func (w *workflowRow) ttlSeconds() *int64 {
	if w.ttl < 0 {
		return nil
	}
	return &w.ttl
}

// queue adds the statements of a batch's rows, one per table that has any.
func (r *rows) queue(b *pgx.Batch) {
	for _, s := range r.statements() {
		b.Queue(s.sql, s.args...)
	}
}

type statement struct {
	sql  string
	args []any
}

// col is one column of rows, as an array parameter.
func col[R, T any](rows []R, of func(*R) T) []T {
	out := make([]T, len(rows))
	for i := range rows {
		out[i] = of(&rows[i])
	}
	return out
}

// uuids is a column of UUIDs. They go to Postgres as they are: pgx would take
// uuid.UUID for something that turns itself into text, and ask each.
type uuids []*uuid.UUID

func uuidCol[R any](rows []R, of func(*R) *uuid.UUID) uuids {
	out := make(uuids, len(rows))
	for i := range rows {
		out[i] = of(&rows[i])
	}
	return out
}

// Dimensions is for pgtype.ArrayGetter.
func (u uuids) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(u)), LowerBound: 1}} //nolint:gosec // at most a batch
}

// Index is for pgtype.ArrayGetter.
func (u uuids) Index(i int) any {
	if u[i] == nil {
		return pgtype.UUID{}
	}
	return pgtype.UUID{Bytes: *u[i], Valid: true}
}

// IndexType is for pgtype.ArrayGetter.
func (uuids) IndexType() any { return pgtype.UUID{} }

// keyed holds the last row of each key, in the order the keys came.
type keyed[K comparable, R any] struct {
	rows []R
	at   map[K]int
}

func (k *keyed[K, R]) put(key K, row R) {
	if i, ok := k.at[key]; ok {
		k.rows[i] = row
		return
	}
	if k.at == nil {
		k.at = map[K]int{}
	}
	k.at[key] = len(k.rows)
	k.rows = append(k.rows, row)
}

func (k *keyed[K, R]) get(key K) (row R, there bool) {
	i, there := k.at[key]
	if there {
		row = k.rows[i]
	}
	return row, there
}

type (
	checkpointKey struct {
		stream ShortKey
		key    workflow.CheckpointKey
	}
	// version is a key as one commit left it: commits never overwrite each other's.
	version[K comparable] struct {
		key    K
		offset int64
	}
	messageKey  struct{ stream, message string }
	deliveryKey struct {
		stream string
		id     uuid.UUID
	}
	attemptKey struct {
		deliveryKey
		attempt int32
	}
)
