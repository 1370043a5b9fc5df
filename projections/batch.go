package projections

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// Verdict is what admission said of one commit.
type Verdict struct {
	Offset int64
	// Reason is empty for an accepted commit.
	Reason journal.Reason
	Detail string
	// Stopped says that the stream is stopped: what the commit changed does not
	// show.
	Stopped bool
}

// batch is what one transaction writes.
type batch struct {
	partition int32
	from      int64
	next      int64
	// tables are those that the batch stands on.
	tables   uint32
	rows     rows
	verdicts []Verdict
	accepted []Accepted
	traced   []Traced
}

// builder makes batches of one partition.
type builder struct {
	partition int32
	build     string
	fold      *folder
	set       *workingSet
	db        querier
	// unfoldable are streams that Postgres refused for their data; their
	// commits are kept, their read models stop.
	unfoldable map[string]error
	// broken is the failure of a read in the middle of a fold: the batch is
	// taken again, no stream is to blame.
	broken error
	// carried are the bytes that this batch brings: a fold may need them before
	// they are in Postgres.
	carried map[manifestKey][]byte
}

// entry is one record on its way through the batch.
type entry struct {
	parsed journal.Parsed
	// trace is the traceparent of a commit that has one.
	trace   string
	stream  *stream
	decoded *decoded
	// undecodable is why an accepted commit stops its stream.
	undecodable error
}

// make admits and folds records. It changes the working set: after a failure
// to write, the set is thrown away.
func (b *builder) make(ctx context.Context, from standing, records []journal.Record) (*batch, error) {
	b.carried = map[manifestKey][]byte{}
	entries, err := b.read(ctx, records)
	if err != nil {
		return nil, err
	}
	known, err := b.facts(ctx, entries)
	if err != nil {
		return nil, err
	}
	out := &batch{partition: b.partition, from: from.next, tables: from.tables, next: records[len(records)-1].Position.Offset + 1}
	touched := newStreams(entries)
	for i := range entries {
		if err := b.take(ctx, &entries[i], known, out); err != nil {
			return nil, err
		}
	}
	for _, s := range touched {
		if s.number < 0 {
			continue
		}
		if err := b.fold.finish(s, &out.rows); err != nil {
			return nil, err
		}
		s.trim()
	}
	return out, nil
}

// read parses the records and finds their streams.
func (b *builder) read(ctx context.Context, records []journal.Record) ([]entry, error) {
	entries := make([]entry, len(records))
	streams := map[string]*stream{}
	var missing []domain.StreamID
	for i, r := range records {
		p := journal.Parse(r, b.fold.partitions)
		entries[i].parsed = p
		if p.What != journal.WhatCommit {
			continue
		}
		entries[i].trace = journal.TraceParent(r.Headers)
		entries[i].decoded, entries[i].undecodable = b.fold.decode(p)
		key := p.Stream.String()
		if _, ok := streams[key]; ok {
			continue
		}
		s, ok := b.set.streams.Get(key)
		if streams[key] = s; !ok {
			missing = append(missing, p.Stream)
		}
	}
	if err := b.loadMissing(ctx, missing, streams); err != nil {
		return nil, err
	}
	for i := range entries {
		if entries[i].parsed.What == journal.WhatCommit {
			entries[i].stream = streams[entries[i].parsed.Stream.String()]
		}
	}
	return entries, nil
}

func (b *builder) loadMissing(ctx context.Context, ids []domain.StreamID, into map[string]*stream) error {
	if len(ids) == 0 {
		return nil
	}
	loaded, err := loadStreams(ctx, b.db, ids)
	if err != nil {
		return err
	}
	for _, s := range loaded {
		into[s.key] = s
		b.set.streams.Add(s.key, s)
	}
	return nil
}

// facts looks up, for the whole batch at once, what its folds stand on and
// which of the bytes it names are there.
func (b *builder) facts(ctx context.Context, entries []entry) (map[manifestKey]bool, error) {
	var w wanted
	byKey := map[ShortKey]*stream{}
	for _, e := range entries {
		if e.stream == nil {
			continue
		}
		byKey[e.stream.short] = e.stream
		e.decoded.wants(e.stream, &w)
		for _, a := range e.parsed.Commit.Needs {
			w.blobs = append(w.blobs, manifestKey{e.stream.short, a})
		}
	}
	f, err := load(ctx, b.db, b.set.codec, w)
	if err != nil {
		return nil, err
	}
	for k, c := range f.checkpoints {
		byKey[k.stream].facts.Checkpoints[k.key] = c
	}
	for k, m := range f.manifests {
		byKey[k.stream].facts.Values[k.id] = m
	}
	for k, m := range f.messages {
		byKey[ShortKeyOf(k.stream)].messages.Messages[k.message] = m
	}
	for k, e := range f.entries {
		byKey[ShortKeyOf(k.stream)].entries.Put(e)
	}
	return f.blobs, nil
}

func newStreams(entries []entry) []*stream {
	var out []*stream
	seen := map[*stream]bool{}
	for _, e := range entries {
		if e.stream != nil && !seen[e.stream] {
			seen[e.stream] = true
			out = append(out, e.stream)
		}
	}
	return out
}

// take admits one record and folds it.
func (b *builder) take(ctx context.Context, e *entry, known map[manifestKey]bool, out *batch) error {
	short := ShortKeyOf(e.parsed.Stream.String())
	facts := journal.Facts{Known: func(a value.Address) bool { return known[manifestKey{short, a}] }}
	if e.stream != nil {
		facts.Head = e.stream.hash
	}
	reason, detail := journal.Admit(facts, e.parsed)
	out.verdicts = append(out.verdicts, Verdict{Offset: e.parsed.Record.Position.Offset, Reason: reason, Detail: detail})
	if e.trace != "" {
		out.traced = append(out.traced, e.told(reason))
	}
	if reason != "" {
		out.rows.ignored = append(out.rows.ignored, ignored(e.parsed, reason, detail))
		return nil
	}
	b.keepBytes(short, e.parsed, known, &out.rows)
	if e.parsed.What != journal.WhatCommit {
		return nil
	}
	b.advance(e, &out.rows)
	out.accepted = append(out.accepted, Accepted{e.parsed.Record.Position, e.parsed.Commit})
	removed := len(out.rows.removed)
	b.foldTraced(ctx, e, &out.rows)
	b.forgetBytes(out.rows.removed[removed:], known)
	out.verdicts[len(out.verdicts)-1].Stopped = e.stream.stopped
	return b.broken
}

// keepBytes stores the bytes of an accepted commit or a blob record. Those of
// an ignored commit do not count.
func (b *builder) keepBytes(key ShortKey, p journal.Parsed, known map[manifestKey]bool, r *rows) {
	for _, blob := range p.Blobs {
		known[manifestKey{key, blob.Address}] = true
		b.carried[manifestKey{key, blob.Address}] = blob.Bytes
		codec, data := b.set.codec.packBlob(blob.Bytes)
		r.blobs = append(r.blobs, blobRow{stream: key, address: blob.Address[:], codec: codec, data: data})
	}
}

// forgetBytes says of bytes that were removed that they are not there any more.
func (b *builder) forgetBytes(removed []removal, known map[manifestKey]bool) {
	for _, gone := range removed {
		for _, a := range gone.blobs {
			delete(known, manifestKey{gone.stream, a})
			delete(b.carried, manifestKey{gone.stream, a})
		}
	}
}

// advance makes the commit the head of its stream.
func (b *builder) advance(e *entry, r *rows) {
	s, p := e.stream, e.parsed
	s.hash, s.offset, s.time = p.Hash, p.Record.Position.Offset, p.Commit.Time
	if s.number < 0 {
		s.number = p.Record.Position.Number(b.fold.partitions)
	}
	r.commits = append(r.commits, commitRow{
		partition: b.partition, offset: s.offset, stream: s.short, hash: p.Hash[:], commandID: p.Commit.Command.ID,
		commandHash: bodyOf(p.Commit.Command), time: p.Commit.Time, events: int32(len(p.Commit.Events)), //nolint:gosec // at most MaxItems
		record:     b.set.codec.PackCommit(p.Record.Value),
		deliveries: b.fold.carries.deliveries(p.Commit), messages: b.fold.carries.messages(p.Commit), tenant: string(s.id.Tenant),
	})
}

// foldOrStop folds an accepted commit. One that cannot be folded stops its
// stream: its state stays the last good one, and later commits are kept but not
// folded, except what ends its run, so that a stop still works.
func (b *builder) foldOrStop(ctx context.Context, e *entry, r *rows) {
	s := e.stream
	if s.stopped && !EndsRun(e.parsed.Commit) {
		return
	}
	err := b.tryFold(ctx, e, r)
	if err != nil && !s.stopped {
		s.stopped = true
		r.stopped.put(s.key, stoppedAt(s, e.parsed.Record.Position, err, b.build, e.parsed.Commit.Time))
	}
}

// EndsRun says whether a commit counts although its stream is stopped, where it can be
// folded: it ends a run.
func EndsRun(c journal.Commit) bool {
	switch c.Command.Type {
	case "workflow.update_status", "workflow.attempt_stop", "workflow.finish_workload":
		return true
	}
	return false
}

func (b *builder) tryFold(ctx context.Context, e *entry, r *rows) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fold panicked: %v", p)
		}
	}()
	if err := b.unfoldable[e.stream.key]; err != nil {
		return err
	}
	if e.undecodable != nil {
		return e.undecodable
	}
	e.decoded.readFromStore = func(a value.Address) ([]byte, error) {
		if bytes, here := b.carried[manifestKey{e.stream.short, a}]; here {
			return bytes, nil
		}
		bytes, there, err := readBlob(ctx, b.db, b.set.codec, e.stream.short, a)
		if err != nil {
			b.broken = err
		} else if !there {
			err = fmt.Errorf("%w: %s", errRemoved, a)
		}
		return bytes, err
	}
	e.decoded.holdings = func() (*holdings, error) { return b.holdings(ctx, e.stream, r) }
	e.decoded.pinned = func(p workflow.Pinned) (pinRow, error) { return b.pinned(ctx, e.stream, p, r) }
	return b.fold.fold(e.stream, e.decoded, r)
}

// readBlob reads one blob of a stream. Folds need it only for manifests that
// were moved into blobs.
func readBlob(ctx context.Context, q querier, codec *Codec, key ShortKey, a value.Address) (bytes []byte, there bool, err error) {
	found, err := q.Query(ctx, `SELECT codec, data FROM blobs WHERE stream = $1 AND address = $2`, key, a[:])
	if err != nil {
		return nil, false, fmt.Errorf("read blob %s: %w", a, err)
	}
	defer found.Close()
	if !found.Next() {
		return nil, false, found.Err()
	}
	var c int16
	var data []byte
	if err := found.Scan(&c, &data); err != nil {
		return nil, false, fmt.Errorf("read blob %s: %w", a, err)
	}
	bytes, err = codec.UnpackBlob(c, data)
	return bytes, true, err
}

func ignored(p journal.Parsed, reason journal.Reason, detail string) ignoredRow {
	row := ignoredRow{
		partition: p.Record.Position.Partition, offset: p.Record.Position.Offset, key: p.Record.Key, reason: string(reason),
		detail: printable(detail), size: int32(min(p.Record.Size(), 1<<30)), //nolint:gosec // bounded in the same breath
	}
	if len(row.key) > 255 {
		row.key = row.key[:255]
	}
	if row.key == nil {
		row.key = []byte{}
	}
	if p.Stream.Kind != "" {
		key := p.Stream.String()
		row.stream = &key
	}
	return row
}

// printable keeps what Postgres stores as text.
func printable(s string) string {
	out := make([]rune, 0, len(s))
	for _, c := range s {
		if c >= ' ' && c != '\uFFFD' {
			out = append(out, c)
		}
		if len(out) == 500 {
			break
		}
	}
	return string(out)
}
