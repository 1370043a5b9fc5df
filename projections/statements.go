package projections

import (
	"time"

	"github.com/google/uuid"
)

// rows collects what one batch writes. Tables with one row per key hold the
// last state of the key, so that a batch never writes a row twice.
type rows struct {
	commits       []commitRow
	ignored       []ignoredRow
	blobs         []blobRow
	manifests     []manifestRow
	parts         []partRow
	checkpoints   keyed[version[checkpointKey], checkpointRow]
	writes        []writeRow
	states        []stateRow
	heads         keyed[string, headRow]
	stopped       keyed[string, stoppedRow]
	workflows     keyed[string, workflowRow]
	conversations keyed[string, conversationRow]
	messages      keyed[messageKey, messageRow]
	entries       keyed[version[entryKey], entryRow]
	deliveries    keyed[deliveryKey, deliveryRow]
	attempts      keyed[attemptKey, attemptRow]
	intents       []intentRow
	traces        []traceRow
	lineages      []lineageRow
	pins          []pinRow
	joined        []joinedRow
	access        []accessRow
	// touched are the streams whose intents are written anew.
	touched []string
	// removed is what is deleted, in order, before anything is inserted.
	removed []removal
}

// reasons counts the ignored records; nil for none.
func (r *rows) reasons() map[string]int {
	if len(r.ignored) == 0 {
		return nil
	}
	out := map[string]int{}
	for _, i := range r.ignored {
		out[i.reason]++
	}
	return out
}

// statements are the inserts of the tables that have rows, in a fixed order.
func (r *rows) statements() []statement {
	var out []statement
	if len(r.touched) > 0 {
		out = append(out, statement{`DELETE FROM intents WHERE stream = ANY($1)`, []any{r.touched}})
	}
	out = append(out, r.deletions()...)
	for _, s := range append(r.insertLineages(),
		r.insertCommits(),
		r.insertIgnored(),
		r.insertBlobs(),
		r.insertManifests(),
		r.insertParts(),
		r.insertCheckpoints(),
		r.insertWrites(),
		r.insertStates(),
		r.insertHeads(),
		r.insertStopped(),
		r.insertWorkflows(),
		r.insertConversations(),
		r.insertMessages(),
		r.insertEntries(),
		r.insertDeliveries(),
		r.insertAttempts(),
		r.insertIntents(),
		r.insertTraces(),
		r.insertPins(),
		r.insertJoined(),
		r.insertAccess(),
	) {
		if s.sql != "" {
			out = append(out, s)
		}
	}
	return out
}

func (r *rows) insertCommits() statement {
	if len(r.commits) == 0 {
		return statement{}
	}
	rows := r.commits
	return statement{`INSERT INTO commits (partition, "offset", stream, hash, command_id, command_hash, time, events, record, deliveries, messages, tenant)
		SELECT * FROM unnest($1::int[], $2::bigint[], $3::uuid[], $4::bytea[], $5::uuid[], $6::bytea[], $7::timestamptz[], $8::int[], $9::bytea[], $10::bool[], $11::bool[], $12::text[])`, []any{
		col(rows, func(r *commitRow) int32 { return r.partition }),
		col(rows, func(r *commitRow) int64 { return r.offset }),
		keyCol(rows, func(r *commitRow) ShortKey { return r.stream }),
		col(rows, func(r *commitRow) []byte { return r.hash }),
		uuidCol(rows, func(r *commitRow) *uuid.UUID { return &r.commandID }),
		col(rows, func(r *commitRow) []byte { return r.commandHash }),
		col(rows, func(r *commitRow) time.Time { return r.time }),
		col(rows, func(r *commitRow) int32 { return r.events }),
		col(rows, func(r *commitRow) []byte { return r.record }),
		col(rows, func(r *commitRow) bool { return r.deliveries }),
		col(rows, func(r *commitRow) bool { return r.messages }),
		col(rows, func(r *commitRow) string { return r.tenant }),
	}}
}

func (r *rows) insertIgnored() statement {
	if len(r.ignored) == 0 {
		return statement{}
	}
	rows := r.ignored
	return statement{`INSERT INTO ignored (partition, "offset", stream, key, reason, detail, size)
		SELECT * FROM unnest($1::int[], $2::bigint[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::int[])`, []any{
		col(rows, func(r *ignoredRow) int32 { return r.partition }),
		col(rows, func(r *ignoredRow) int64 { return r.offset }),
		col(rows, func(r *ignoredRow) *string { return r.stream }),
		col(rows, func(r *ignoredRow) []byte { return r.key }),
		col(rows, func(r *ignoredRow) string { return r.reason }),
		col(rows, func(r *ignoredRow) string { return r.detail }),
		col(rows, func(r *ignoredRow) int32 { return r.size }),
	}}
}

func (r *rows) insertBlobs() statement {
	if len(r.blobs) == 0 {
		return statement{}
	}
	rows := r.blobs
	return statement{`INSERT INTO blobs (stream, address, codec, data)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::smallint[], $4::bytea[])
		ON CONFLICT DO NOTHING`, []any{
		keyCol(rows, func(r *blobRow) ShortKey { return r.stream }),
		col(rows, func(r *blobRow) []byte { return r.address }),
		col(rows, func(r *blobRow) int16 { return r.codec }),
		col(rows, func(r *blobRow) []byte { return r.data }),
	}}
}

func (r *rows) insertManifests() statement {
	if len(r.manifests) == 0 {
		return statement{}
	}
	rows := r.manifests
	return statement{`INSERT INTO manifests (stream, id, manifest, part)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[])
		ON CONFLICT DO NOTHING`, []any{
		keyCol(rows, func(r *manifestRow) ShortKey { return r.stream }),
		col(rows, func(r *manifestRow) []byte { return r.id }),
		col(rows, func(r *manifestRow) []byte { return r.manifest }),
		col(rows, func(r *manifestRow) []byte { return r.part }),
	}}
}

func (r *rows) insertParts() statement {
	if len(r.parts) == 0 {
		return statement{}
	}
	rows := r.parts
	return statement{`INSERT INTO manifest_parts (stream, address, entries)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])
		ON CONFLICT DO NOTHING`, []any{
		keyCol(rows, func(r *partRow) ShortKey { return r.stream }),
		col(rows, func(r *partRow) []byte { return r.address }),
		col(rows, func(r *partRow) []byte { return r.entries }),
	}}
}

func (r *rows) insertCheckpoints() statement {
	if len(r.checkpoints.rows) == 0 {
		return statement{}
	}
	rows := r.checkpoints.rows
	return statement{`INSERT INTO checkpoints (stream, ns_hash, thread_ts, ns, parent_ts, number, header, metadata, channels, ids, current_thread, epoch, run_id)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::bytea[], $5::uuid[], $6::bigint[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[], $11::int[], $12::int[], $13::bytea[])`, []any{
		keyCol(rows, func(r *checkpointRow) ShortKey { return r.stream }),
		col(rows, func(r *checkpointRow) []byte { return r.nsHash }),
		uuidCol(rows, func(r *checkpointRow) *uuid.UUID { return &r.threadTS }),
		col(rows, func(r *checkpointRow) []byte { return r.ns }),
		uuidCol(rows, func(r *checkpointRow) *uuid.UUID { return r.parentTS }),
		col(rows, func(r *checkpointRow) int64 { return r.number }),
		col(rows, func(r *checkpointRow) []byte { return r.header }),
		col(rows, func(r *checkpointRow) []byte { return r.metadata }),
		col(rows, func(r *checkpointRow) []byte { return r.channels }),
		col(rows, func(r *checkpointRow) []byte { return r.ids }),
		col(rows, func(r *checkpointRow) int32 { return r.currentThread }),
		col(rows, func(r *checkpointRow) int32 { return r.epoch }),
		col(rows, func(r *checkpointRow) []byte { return r.runID }),
	}}
}

func (r *rows) insertWrites() statement {
	if len(r.writes) == 0 {
		return statement{}
	}
	rows := r.writes
	return statement{`INSERT INTO writes (stream, ns_hash, thread_ts, number, packed)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::bigint[], $5::bytea[])`, []any{
		keyCol(rows, func(r *writeRow) ShortKey { return r.stream }),
		col(rows, func(r *writeRow) []byte { return r.nsHash }),
		uuidCol(rows, func(r *writeRow) *uuid.UUID { return &r.threadTS }),
		col(rows, func(r *writeRow) int64 { return r.number }),
		col(rows, func(r *writeRow) []byte { return r.packed }),
	}}
}

func (r *rows) insertStates() statement {
	if len(r.states) == 0 {
		return statement{}
	}
	rows := r.states
	return statement{`INSERT INTO states (stream, "offset", time, state)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bytea[])`, []any{
		col(rows, func(r *stateRow) string { return r.stream }),
		col(rows, func(r *stateRow) int64 { return r.offset }),
		col(rows, func(r *stateRow) time.Time { return r.time }),
		col(rows, func(r *stateRow) []byte { return r.state }),
	}}
}

func (r *rows) insertHeads() statement {
	if len(r.heads.rows) == 0 {
		return statement{}
	}
	rows := r.heads.rows
	return statement{`INSERT INTO heads (stream, partition, "offset", number, hash, time, state)
		SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bytea[], $6::timestamptz[], $7::bytea[])
		ON CONFLICT (stream) DO UPDATE SET partition = EXCLUDED.partition, "offset" = EXCLUDED."offset", number = EXCLUDED.number, hash = EXCLUDED.hash, time = EXCLUDED.time, state = EXCLUDED.state`, []any{
		col(rows, func(r *headRow) string { return r.stream }),
		col(rows, func(r *headRow) int32 { return r.partition }),
		col(rows, func(r *headRow) int64 { return r.offset }),
		col(rows, func(r *headRow) int64 { return r.number }),
		col(rows, func(r *headRow) []byte { return r.hash }),
		col(rows, func(r *headRow) time.Time { return r.time }),
		col(rows, func(r *headRow) []byte { return r.state }),
	}}
}

func (r *rows) insertStopped() statement {
	if len(r.stopped.rows) == 0 {
		return statement{}
	}
	rows := r.stopped.rows
	return statement{`INSERT INTO stopped (stream, partition, "offset", reason, build, since)
		SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
		ON CONFLICT (stream) DO UPDATE SET partition = EXCLUDED.partition, "offset" = EXCLUDED."offset", reason = EXCLUDED.reason, build = EXCLUDED.build, since = EXCLUDED.since`, []any{
		col(rows, func(r *stoppedRow) string { return r.stream }),
		col(rows, func(r *stoppedRow) int32 { return r.partition }),
		col(rows, func(r *stoppedRow) int64 { return r.offset }),
		col(rows, func(r *stoppedRow) string { return r.reason }),
		col(rows, func(r *stoppedRow) string { return r.build }),
		col(rows, func(r *stoppedRow) time.Time { return r.since }),
	}}
}

func (r *rows) insertWorkflows() statement {
	if len(r.workflows.rows) == 0 {
		return statement{}
	}
	rows := r.workflows.rows
	return statement{`INSERT INTO workflows (stream, tenant, id, number, status, definition, project, source, owner, run, engine, active, workload, home, created_at, thread, expires, ttl, short_key)
		SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::text[], $12::bool[], $13::text[], $14::text[], $15::timestamptz[], $16::bytea[], $17::bool[], $18::bigint[], $19::uuid[])
		ON CONFLICT (stream) DO UPDATE SET tenant = EXCLUDED.tenant, id = EXCLUDED.id, number = EXCLUDED.number, status = EXCLUDED.status, definition = EXCLUDED.definition, project = EXCLUDED.project, source = EXCLUDED.source, owner = EXCLUDED.owner, run = EXCLUDED.run, engine = EXCLUDED.engine, active = EXCLUDED.active, workload = EXCLUDED.workload, home = EXCLUDED.home, created_at = EXCLUDED.created_at, thread = EXCLUDED.thread, expires = EXCLUDED.expires, ttl = EXCLUDED.ttl`, []any{
		col(rows, func(r *workflowRow) string { return r.stream }),
		col(rows, func(r *workflowRow) string { return r.tenant }),
		uuidCol(rows, func(r *workflowRow) *uuid.UUID { return &r.id }),
		col(rows, func(r *workflowRow) int64 { return r.number }),
		col(rows, func(r *workflowRow) string { return r.status }),
		col(rows, func(r *workflowRow) string { return r.definition }),
		col(rows, func(r *workflowRow) string { return r.project }),
		col(rows, func(r *workflowRow) string { return r.source }),
		col(rows, func(r *workflowRow) string { return r.owner }),
		uuidCol(rows, func(r *workflowRow) *uuid.UUID { return r.run }),
		col(rows, func(r *workflowRow) string { return r.engine }),
		col(rows, func(r *workflowRow) bool { return r.active }),
		col(rows, func(r *workflowRow) string { return r.workload }),
		col(rows, func(r *workflowRow) string { return r.home }),
		col(rows, func(r *workflowRow) time.Time { return r.createdAt }),
		col(rows, func(r *workflowRow) []byte { return r.threadBytes() }),
		col(rows, func(r *workflowRow) bool { return r.expires }),
		col(rows, func(r *workflowRow) *int64 { return r.ttlSeconds() }),
		keyCol(rows, func(r *workflowRow) ShortKey { return r.short }),
	}}
}

func (r *rows) insertConversations() statement {
	if len(r.conversations.rows) == 0 {
		return statement{}
	}
	rows := r.conversations.rows
	return statement{`INSERT INTO conversations (stream, tenant, id, adapter, team, channel, thread, workflow, messages, updated_at)
		SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::int[], $10::timestamptz[])
		ON CONFLICT (stream) DO UPDATE SET tenant = EXCLUDED.tenant, id = EXCLUDED.id, adapter = EXCLUDED.adapter, team = EXCLUDED.team, channel = EXCLUDED.channel, thread = EXCLUDED.thread, workflow = EXCLUDED.workflow, messages = EXCLUDED.messages, updated_at = EXCLUDED.updated_at`, []any{
		col(rows, func(r *conversationRow) string { return r.stream }),
		col(rows, func(r *conversationRow) string { return r.tenant }),
		uuidCol(rows, func(r *conversationRow) *uuid.UUID { return &r.id }),
		col(rows, func(r *conversationRow) string { return r.adapter }),
		col(rows, func(r *conversationRow) string { return r.team }),
		col(rows, func(r *conversationRow) string { return r.channel }),
		col(rows, func(r *conversationRow) string { return r.thread }),
		uuidCol(rows, func(r *conversationRow) *uuid.UUID { return r.workflow }),
		col(rows, func(r *conversationRow) int32 { return r.messages }),
		col(rows, func(r *conversationRow) time.Time { return r.updatedAt }),
	}}
}

func (r *rows) insertMessages() statement {
	if len(r.messages.rows) == 0 {
		return statement{}
	}
	rows := r.messages.rows
	return statement{`INSERT INTO messages (stream, message_id, author, text, flow, at, workflow, mode, refused, stopped)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::timestamptz[], $7::uuid[], $8::text[], $9::bytea[], $10::bytea[])
		ON CONFLICT (stream, message_id) DO UPDATE SET author = EXCLUDED.author, text = EXCLUDED.text, flow = EXCLUDED.flow, at = EXCLUDED.at, workflow = EXCLUDED.workflow, mode = EXCLUDED.mode, refused = EXCLUDED.refused, stopped = EXCLUDED.stopped`, []any{
		col(rows, func(r *messageRow) string { return r.stream }),
		col(rows, func(r *messageRow) string { return r.messageID }),
		col(rows, func(r *messageRow) string { return r.author }),
		col(rows, func(r *messageRow) []byte { return r.text }),
		col(rows, func(r *messageRow) string { return r.flow }),
		col(rows, func(r *messageRow) time.Time { return r.at }),
		uuidCol(rows, func(r *messageRow) *uuid.UUID { return r.workflow }),
		col(rows, func(r *messageRow) string { return r.mode }),
		col(rows, func(r *messageRow) []byte { return r.refused }),
		col(rows, func(r *messageRow) []byte { return r.stopped }),
	}}
}

func (r *rows) insertDeliveries() statement {
	if len(r.deliveries.rows) == 0 {
		return statement{}
	}
	rows := r.deliveries.rows
	return statement{`INSERT INTO deliveries (stream, id, run, adapter, kind, status, attempts, body, requested_at, tenant, hook, event, first, last)
		SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::bytea[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[])
		ON CONFLICT (stream, id) DO UPDATE SET run = EXCLUDED.run, adapter = EXCLUDED.adapter, kind = EXCLUDED.kind, status = EXCLUDED.status, attempts = EXCLUDED.attempts, body = EXCLUDED.body, requested_at = EXCLUDED.requested_at, tenant = EXCLUDED.tenant, hook = EXCLUDED.hook, event = EXCLUDED.event, last = EXCLUDED.last`, []any{
		col(rows, func(r *deliveryRow) string { return r.stream }),
		uuidCol(rows, func(r *deliveryRow) *uuid.UUID { return &r.id }),
		uuidCol(rows, func(r *deliveryRow) *uuid.UUID { return &r.run }),
		col(rows, func(r *deliveryRow) string { return r.adapter }),
		col(rows, func(r *deliveryRow) string { return r.kind }),
		col(rows, func(r *deliveryRow) string { return r.status }),
		col(rows, func(r *deliveryRow) int32 { return r.attempts }),
		col(rows, func(r *deliveryRow) []byte { return r.body }),
		col(rows, func(r *deliveryRow) time.Time { return r.requestedAt }),
		col(rows, func(r *deliveryRow) string { return r.tenant }),
		col(rows, func(r *deliveryRow) string { return r.hook }),
		col(rows, func(r *deliveryRow) string { return r.event }),
		col(rows, func(r *deliveryRow) int64 { return r.first }),
		col(rows, func(r *deliveryRow) int64 { return r.last }),
	}}
}

func (r *rows) insertAttempts() statement {
	if len(r.attempts.rows) == 0 {
		return statement{}
	}
	rows := r.attempts.rows
	return statement{`INSERT INTO attempts (stream, id, attempt, tenant, at, by, outcome, ended_at, target, status, answer, note, retry_at)
		SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::int[], $11::text[], $12::text[], $13::timestamptz[])
		ON CONFLICT (stream, id, attempt) DO UPDATE SET tenant = EXCLUDED.tenant, at = EXCLUDED.at, by = EXCLUDED.by, outcome = EXCLUDED.outcome, ended_at = EXCLUDED.ended_at, target = EXCLUDED.target, status = EXCLUDED.status, answer = EXCLUDED.answer, note = EXCLUDED.note, retry_at = EXCLUDED.retry_at`, []any{
		col(rows, func(r *attemptRow) string { return r.stream }),
		uuidCol(rows, func(r *attemptRow) *uuid.UUID { return &r.id }),
		col(rows, func(r *attemptRow) int32 { return r.attempt }),
		col(rows, func(r *attemptRow) string { return r.tenant }),
		col(rows, func(r *attemptRow) time.Time { return r.at }),
		col(rows, func(r *attemptRow) string { return r.by }),
		col(rows, func(r *attemptRow) string { return r.outcome }),
		col(rows, func(r *attemptRow) *time.Time { return r.endedAt }),
		col(rows, func(r *attemptRow) string { return r.target }),
		col(rows, func(r *attemptRow) int32 { return r.status }),
		col(rows, func(r *attemptRow) string { return r.answer }),
		col(rows, func(r *attemptRow) string { return r.note }),
		col(rows, func(r *attemptRow) *time.Time { return r.retryAt }),
	}}
}

func (r *rows) insertIntents() statement {
	if len(r.intents) == 0 {
		return statement{}
	}
	rows := r.intents
	return statement{`INSERT INTO intents (stream, kind, id, partition, due, attempt, open, by, lane, home)
		SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int[], $5::timestamptz[], $6::int[], $7::bool[], $8::text[], $9::text[], $10::text[])`, []any{
		col(rows, func(r *intentRow) string { return r.stream }),
		col(rows, func(r *intentRow) string { return r.kind }),
		uuidCol(rows, func(r *intentRow) *uuid.UUID { return &r.id }),
		col(rows, func(r *intentRow) int32 { return r.partition }),
		col(rows, func(r *intentRow) time.Time { return r.due }),
		col(rows, func(r *intentRow) int32 { return r.attempt }),
		col(rows, func(r *intentRow) bool { return r.open }),
		col(rows, func(r *intentRow) string { return r.by }),
		col(rows, func(r *intentRow) string { return r.lane }),
		col(rows, func(r *intentRow) string { return r.home }),
	}}
}
