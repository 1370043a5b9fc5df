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
// ahead. Each record that goes ahead also carries the list of its addresses as
// one more blob, and the commit names that list in Needs: a record is taken as
// a whole, so who has the list has the bytes, however many they are.
//
// It returns a too_large error when the JSON of the commit passes
// MaxCommitJSON; the caller spills values and tries again.
func Pack(c Commit, blobs []value.Blob, partitions int32) (Packed, error) {
	key := []byte(c.Stream.String())
	partition := PartitionOf(key, partitions)
	own, ahead := splitBlobs(blobs)
	c.Needs = append([]value.Address(nil), c.Needs...)
	for i, group := range ahead {
		list := listOf(group)
		ahead[i] = append(group, list)
		c.Needs = append(c.Needs, list.Address)
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
		Commit: Message{Partition: partition, Key: key, Value: encoded, Headers: headersOf(own), Time: c.Time},
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

// splitBlobs fills the commit's headers first, then whole records with room for
// their list. What comes twice is taken once.
func splitBlobs(blobs []value.Blob) (own []value.Blob, ahead [][]value.Blob) {
	ownSize, size := 0, MaxHeaderBytes
	seen := map[value.Address]bool{}
	for _, b := range blobs {
		n := HeaderSize(b)
		if seen[b.Address] {
			continue
		}
		seen[b.Address] = true
		if ownSize+n <= MaxHeaderBytes {
			own, ownSize = append(own, b), ownSize+n
			continue
		}
		n += len(b.Address)
		if size+n > MaxHeaderBytes {
			ahead, size = append(ahead, nil), HeaderSize(value.Blob{})
		}
		last := len(ahead) - 1
		ahead[last], size = append(ahead[last], b), size+n
	}
	return own, ahead
}

// listOf is the blob that lists the addresses of others, 32 bytes each.
func listOf(blobs []value.Blob) value.Blob {
	var list []byte
	for _, b := range blobs {
		list = append(list, b.Address[:]...)
	}
	return value.Blob{Address: value.AddressOf(list), Bytes: list}
}

// HeaderSize is what a blob takes of the headers of a record.
func HeaderSize(b value.Blob) int { return len(BlobHeader) + 64 + len(b.Bytes) }

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
