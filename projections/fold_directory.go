package projections

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/directory"
)

// entryKey is the key of an entry of the directory.
type entryKey struct {
	stream string
	key    directory.Key
}

// entryRow is an entry as one commit left it.
type entryRow struct {
	stream  string
	tenant  string
	key     directory.Key
	number  int64
	time    time.Time
	id      int64
	removed bool
	body    []byte
}

// wantsEntries adds the entries that the commit changes or reads.
func (d *decoded) wantsEntries(s *stream, w *wanted) {
	for _, event := range d.directory {
		for _, key := range directory.Touched(event) {
			if storable(key.Path) && storable(key.Name) {
				w.entries = append(w.entries, entryKey{s.key, key})
			}
		}
	}
}

// foldDirectory makes the entries that events change rows of their own: those of before
// stay for reads of the past.
func (f *folder) foldDirectory(s *stream, d *decoded, r *rows) {
	for i, event := range d.directory {
		number := d.position.ItemNumber(f.partitions, i)
		for _, e := range s.entries.Apply(s.directory, event, number) {
			r.entries.put(version[entryKey]{entryKey{s.key, e.Key}, d.position.Offset}, entryRow{
				stream: s.key, tenant: string(s.id.Tenant), key: e.Key, number: number, time: d.commit.Time, id: e.ID, removed: e.Removed, body: mustJSON(e),
			})
		}
		s.directory = directory.Apply(s.directory, directory.Recorded{Event: event, Time: d.commit.Time, Principal: d.commit.Principal})
	}
}

func (r *rows) insertEntries() statement {
	if len(r.entries.rows) == 0 {
		return statement{}
	}
	rows := r.entries.rows
	return statement{`INSERT INTO directory (stream, tenant, kind, path, name, number, time, id, removed, body)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::bigint[], $9::bool[], $10::bytea[])`, []any{
		col(rows, func(r *entryRow) string { return r.stream }),
		col(rows, func(r *entryRow) string { return r.tenant }),
		col(rows, func(r *entryRow) string { return string(r.key.Kind) }),
		col(rows, func(r *entryRow) string { return r.key.Path }),
		col(rows, func(r *entryRow) string { return r.key.Name }),
		col(rows, func(r *entryRow) int64 { return r.number }),
		col(rows, func(r *entryRow) time.Time { return r.time }),
		col(rows, func(r *entryRow) int64 { return r.id }),
		col(rows, func(r *entryRow) bool { return r.removed }),
		col(rows, func(r *entryRow) []byte { return r.body }),
	}}
}

func entryKeys(stream string, keys []directory.Key) []entryKey {
	out := make([]entryKey, len(keys))
	for i, key := range keys {
		out[i] = entryKey{stream, key}
	}
	return out
}

// queueEntries reads what stands at keys.
func queueEntries(b *pgx.Batch, keys []entryKey, each func(stream string, e directory.Entry)) {
	b.Queue(EntriesAt("number < $5"), append(EntryArgs(keys, func(k *entryKey) (string, directory.Key) { return k.stream, k.key }), int64(AllNumbers))...).
		Query(func(r pgx.Rows) error { return ScanEntries(r, each) })
}

// EntriesAt is SQL for the versions that count of the entries whose keys are the first
// four parameters, those of EntryArgs, among those of which the condition is true.
func EntriesAt(among string) string {
	return `SELECT e.stream, e.kind, e.path, e.name, e.time, e.body FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])) AS k(stream, kind, path, name)
		CROSS JOIN LATERAL (SELECT * FROM directory WHERE stream = k.stream AND kind = k.kind AND path = k.path AND name = k.name
			AND ` + among + ` ORDER BY number DESC LIMIT 1) e`
}

// EntryArgs are keys as the parameters of EntriesAt.
func EntryArgs[K any](keys []K, of func(*K) (stream string, key directory.Key)) []any {
	column := func(part func(stream string, key directory.Key) string) []string {
		return col(keys, func(k *K) string { return part(of(k)) })
	}
	return []any{
		column(func(stream string, _ directory.Key) string { return stream }),
		column(func(_ string, key directory.Key) string { return string(key.Kind) }),
		column(func(_ string, key directory.Key) string { return key.Path }),
		column(func(_ string, key directory.Key) string { return key.Name }),
	}
}

// ScanEntries reads rows of stream, kind, path, name, time and body.
func ScanEntries(r pgx.Rows, each func(stream string, e directory.Entry)) error {
	for r.Next() {
		var stream string
		var key directory.Key
		var at time.Time
		var body []byte
		if err := r.Scan(&stream, &key.Kind, &key.Path, &key.Name, &at, &body); err != nil {
			return fmt.Errorf("read an entry of the directory: %w", err)
		}
		var e directory.Entry
		if err := json.Unmarshal(body, &e); err != nil {
			return fmt.Errorf("read the entry %v of %s: %w", key, stream, err)
		}
		e.Key, e.At = key, at.UTC()
		each(stream, e)
	}
	return r.Err()
}
