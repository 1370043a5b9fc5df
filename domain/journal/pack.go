package journal

import (
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// Packed is a commit as it goes to the log: the records of bytes that go ahead
// of it, then the commit itself. The bytes must be acknowledged before the
// commit is produced.
type Packed struct {
	Ahead  []Message
	Commit Message
	Hash   Hash
}

// Pack lays out a commit and its new bytes. Bytes that fit ride in the headers
// of the commit, so that both are written or lost together; the rest goes
// ahead, and the commit names it in Needs.
//
// It returns a too_large error when the JSON of the commit passes
// MaxCommitJSON; the caller spills values and tries again.
func Pack(c Commit, blobs []value.Blob, partitions int32) (Packed, error) {
	key := []byte(c.Stream.String())
	partition := PartitionOf(key, partitions)
	own, ahead := splitBlobs(blobs)
	c.Needs = append([]value.Address(nil), c.Needs...)
	for _, group := range ahead {
		for _, b := range group {
			c.Needs = append(c.Needs, b.Address)
		}
	}
	encoded, err := c.Encode()
	if err != nil {
		return Packed{}, err
	}
	if len(encoded) > MaxCommitJSON {
		return Packed{}, &domain.Error{
			Code:    domain.CodeTooLarge,
			Message: fmt.Sprintf("the change needs %d bytes of description; a commit holds %d", len(encoded), MaxCommitJSON),
			Fix:     "send fewer new channels or writes in one request",
		}
	}
	out := Packed{
		Commit: Message{Partition: partition, Key: key, Value: encoded, Headers: headersOf(own)},
		Hash:   HashOf(encoded),
	}
	for _, group := range ahead {
		m, err := blobMessage(c.Stream, group, partition)
		if err != nil {
			return Packed{}, err
		}
		out.Ahead = append(out.Ahead, m)
	}
	return out, nil
}

// splitBlobs fills the commit's headers first, then whole records.
func splitBlobs(blobs []value.Blob) (own []value.Blob, ahead [][]value.Blob) {
	ownSize, size := 0, MaxHeaderBytes
	for _, b := range blobs {
		n := headerSize(b)
		if ownSize+n <= MaxHeaderBytes {
			own, ownSize = append(own, b), ownSize+n
			continue
		}
		if size+n > MaxHeaderBytes {
			ahead, size = append(ahead, nil), 0
		}
		last := len(ahead) - 1
		ahead[last], size = append(ahead[last], b), size+n
	}
	return own, ahead
}

func headerSize(b value.Blob) int { return len(BlobHeader) + 64 + len(b.Bytes) }

func headersOf(blobs []value.Blob) []Header {
	var out []Header
	for _, b := range blobs {
		out = append(out, Header{Key: BlobHeader + b.Address.String(), Value: b.Bytes})
	}
	return out
}

func blobMessage(stream domain.StreamID, blobs []value.Blob, partition int32) (Message, error) {
	v, err := encodeJSON(blobRecord{V: Version, Stream: stream.String(), Blobs: len(blobs)})
	if err != nil {
		return Message{}, fmt.Errorf("encode blobs of %s: %w", stream, err)
	}
	return Message{Partition: partition, Key: []byte(stream.String()), Value: v, Headers: headersOf(blobs)}, nil
}
