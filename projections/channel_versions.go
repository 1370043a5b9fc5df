package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// loadVersions reads the headers of checkpoints among the facts for the versions of
// their channels. It is another cut than that of the facts: what was removed since has
// no versions, and a commit that is decided on that is ignored.
func (s *Snapshots) loadVersions(ctx context.Context, snap *Snapshot, wanted []workflow.CheckpointKey) error {
	var there []workflow.Checkpoint
	for _, key := range wanted {
		if c, ok := snap.Facts.Checkpoints[key]; ok {
			there = append(there, c)
		}
	}
	versions, err := s.versionsOf(ctx, snap.Stream.String(), there)
	maps.Copy(snap.Facts.Versions, versions)
	return err
}

// versionsOf reads the channel_versions of checkpoints.
func (s *Snapshots) versionsOf(ctx context.Context, key string, checkpoints []workflow.Checkpoint) (map[workflow.CheckpointKey]workflow.Versions, error) {
	headers, err := s.assemble(ctx, key, col(checkpoints, func(c *workflow.Checkpoint) value.Value { return c.Header }))
	if err != nil {
		return nil, fmt.Errorf("headers of %s: %w", key, err)
	}
	out := make(map[workflow.CheckpointKey]workflow.Versions, len(checkpoints))
	for i, c := range checkpoints {
		out[c.Key] = workflow.Versions{} // also of what was removed; the state of an agent may be anything
		if versions, err := workflow.ParseVersions(headers[i]); err == nil {
			out[c.Key] = versions
		}
	}
	return out, nil
}

// assemble gives the bytes of values that stand alone, in order; nil for those whose
// bytes were removed.
func (s *Snapshots) assemble(ctx context.Context, key string, values []value.Value) ([][]byte, error) {
	manifests := make([]value.Manifest, len(values))
	for i, v := range values {
		var err error
		if manifests[i], err = v.Resolve(nil, nil); err != nil {
			return nil, err
		}
	}
	fetch, err := s.fetcher(ctx, ShortKeyOf(key), manifests)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(values))
	for i, m := range manifests {
		if out[i], err = value.Assemble(m, fetch); err != nil && !errors.Is(err, errRemoved) {
			return nil, err
		}
	}
	return out, nil
}

// errRemoved says that bytes are not there any more.
var errRemoved = errors.New("these bytes were removed")

// fetcher reads the blobs of a stream, and of those that it comes from, those that manifests name at once.
func (s *Snapshots) fetcher(ctx context.Context, key ShortKey, manifests []value.Manifest) (value.Fetch, error) {
	var first []value.Address
	for _, m := range manifests {
		first = append(first, m.Refs()...)
	}
	known, err := readBlobsOf(ctx, s.pool, s.codec, key, first)
	if err != nil {
		return nil, err
	}
	return func(addresses []value.Address) (map[value.Address][]byte, error) {
		var missing []value.Address
		for _, a := range addresses {
			if _, ok := known[a]; !ok {
				missing = append(missing, a)
			}
		}
		more, err := readBlobsOf(ctx, s.pool, s.codec, key, missing)
		if err != nil {
			return nil, err
		}
		for _, a := range missing {
			b, there := more[a]
			if !there {
				return nil, fmt.Errorf("%w: %s", errRemoved, a)
			}
			known[a] = b
		}
		return known, nil
	}, nil
}

// readBlobs reads those of the blobs of a stream that are there.
func readBlobs(ctx context.Context, q querier, codec *Codec, key ShortKey, addresses []value.Address) (map[value.Address][]byte, error) {
	out := make(map[value.Address][]byte, len(addresses))
	if len(addresses) == 0 {
		return out, nil
	}
	rows, err := q.Query(ctx, `SELECT b.address, b.codec, b.data FROM unnest($2::bytea[]) AS k(address)
		CROSS JOIN LATERAL (SELECT * FROM blobs WHERE stream = $1 AND address = k.address OFFSET 0) b`,
		key, col(addresses, func(a *value.Address) []byte { return a[:] }))
	if err != nil {
		return nil, fmt.Errorf("read %d blobs: %w", len(addresses), err)
	}
	return out, scanBlobs(rows, codec, out)
}

// scanBlobs reads rows of address, codec and data.
func scanBlobs(rows pgx.Rows, codec *Codec, into map[value.Address][]byte) error {
	defer rows.Close()
	for rows.Next() {
		var address, data []byte
		var c int16
		if err := rows.Scan(&address, &c, &data); err != nil {
			return fmt.Errorf("read a blob: %w", err)
		}
		a := value.Address(address)
		var err error
		if into[a], err = codec.UnpackBlob(c, data); err != nil {
			return fmt.Errorf("read blob %s: %w", a, err)
		}
	}
	return rows.Err()
}

const (
	// searchPage is how many headers are read at once, searchMost how many in all, when
	// a value is looked for by its version: one that is older is not found.
	searchPage = 64
	searchMost = 1024
)

// FindChannels looks for the values of channels at versions among the checkpoints of
// their namespaces, the newest first, and adds to the facts where they stand, and what
// they are. Only clients that leave values out, and whose parent does not have them,
// cause it.
func (s *Snapshots) FindChannels(ctx context.Context, snap *Snapshot, wanted []workflow.ChannelAt) error {
	byNS := map[string][]workflow.ChannelAt{}
	for _, at := range wanted {
		snap.Facts.Elsewhere[at] = workflow.FoundAt{}
		byNS[at.NS] = append(byNS[at.NS], at)
	}
	key := snap.Stream.String()
	for ns, open := range byNS {
		var before *uuid.UUID
		for read := 0; len(open) > 0 && read < searchMost; read += searchPage {
			page, err := s.checkpointsBefore(ctx, key, ns, before)
			if err != nil {
				return err
			}
			versions, err := s.versionsOf(ctx, key, page)
			if err != nil {
				return err
			}
			open = findIn(page, versions, open, snap.Facts.Elsewhere)
			if len(page) < searchPage {
				break
			}
			before = &page[len(page)-1].Key.TS
		}
	}
	return s.loadFound(ctx, snap)
}

// findIn takes from a page what it has, and gives what is still open.
func findIn(page []workflow.Checkpoint, versions map[workflow.CheckpointKey]workflow.Versions, open []workflow.ChannelAt, into map[workflow.ChannelAt]workflow.FoundAt) []workflow.ChannelAt {
	var left []workflow.ChannelAt
	for _, at := range open {
		found := false
		for _, c := range page {
			id, has := c.Channels[at.Channel]
			if found = has && versions[c.Key][at.Channel] == at.Version; found {
				into[at] = workflow.FoundAt{TS: c.Key.TS, ID: id}
				break
			}
		}
		if !found {
			left = append(left, at)
		}
	}
	return left
}

// checkpointsBefore is one page of a namespace's checkpoints, the newest first.
func (s *Snapshots) checkpointsBefore(ctx context.Context, key, ns string, before *uuid.UUID) ([]workflow.Checkpoint, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT ON (c.thread_ts) c.stream, c.ns, c.thread_ts, c.parent_ts, c.number, c.header, c.metadata, c.channels, c.ids, c.current_thread
		FROM checkpoints c WHERE stream = $1 AND ns_hash = $2 AND ($3::uuid IS NULL OR thread_ts < $3) ORDER BY c.thread_ts DESC, c.number DESC LIMIT $4`,
		ShortKeyOf(key), NSHash(ns), before, searchPage)
	if err != nil {
		return nil, fmt.Errorf("search the checkpoints of %s: %w", key, err)
	}
	defer rows.Close()
	var out []workflow.Checkpoint
	for rows.Next() {
		var stream ShortKey
		c, err := scanCheckpoint(rows, s.codec, &stream)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// loadFound reads the values that were found.
func (s *Snapshots) loadFound(ctx context.Context, snap *Snapshot) error {
	var keys []manifestKey
	short := ShortKeyOf(snap.Stream.String())
	for _, found := range snap.Facts.Elsewhere {
		if found.TS != uuid.Nil {
			keys = append(keys, manifestKey{short, found.ID})
		}
	}
	f, err := load(ctx, s.pool, s.codec, wanted{manifests: keys})
	for k, m := range f.manifests {
		snap.Facts.Values[k.id] = m
	}
	return err
}
