package projections

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
)

// ShortKey is what a stream is called in the tables that have a row a step (commits,
// blobs, manifests, manifest_parts, checkpoints, writes) and in lineages: the first 16
// bytes of the SHA-256 of its text. It is a matter of the text alone, so any node and any
// rebuild has the same one, and nothing is looked up to write.
//
// Two streams of one key would share their rows. By chance that takes about 2^64 streams.
// On purpose it takes about 2^64 hashes to find two of one's own, which gives nobody
// the rows of another; to find one for a stream of somebody else takes 2^128. Of two
// workflows Postgres refuses the second one, which stops it.
type ShortKey [16]byte

// ShortKeyOf is the short key of a stream, tenant/kind/id.
func ShortKeyOf(stream string) ShortKey {
	h := sha256.Sum256([]byte(stream))
	return ShortKey(h[:])
}

// String is the key in hexadecimal.
func (k ShortKey) String() string { return hex.EncodeToString(k[:]) }

// UUIDValue is for pgtype.UUIDValuer: in Postgres the key is a uuid, whose 16 bytes have no
// header.
func (k ShortKey) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: k, Valid: true}, nil }

// ScanUUID is for pgtype.UUIDScanner.
func (k *ShortKey) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		return fmt.Errorf("the short key of a stream is NULL")
	}
	*k = v.Bytes
	return nil
}

// ShortKeys is a column of short keys.
type ShortKeys []ShortKey

func keyCol[R any](rows []R, of func(*R) ShortKey) ShortKeys { return col(rows, of) }

// Dimensions is for pgtype.ArrayGetter.
func (s ShortKeys) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(s)), LowerBound: 1}} //nolint:gosec // at most a batch
}

// Index is for pgtype.ArrayGetter.
func (s ShortKeys) Index(i int) any { return pgtype.UUID{Bytes: s[i], Valid: true} }

// IndexType is for pgtype.ArrayGetter.
func (ShortKeys) IndexType() any { return pgtype.UUID{} }
