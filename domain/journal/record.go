package journal

import (
	"time"

	"github.com/duolog/duolog/domain"
)

// Limits of the format.
const (
	// MaxCommitJSON bounds the value of a commit record, in bytes.
	MaxCommitJSON = 64 << 10
	// MaxHeaderBytes bounds the bytes that ride in the headers of one record.
	MaxHeaderBytes = 512 << 10
	// BlobHeader prefixes the header key of a blob: b:<address>.
	BlobHeader = "b:"
)

// Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Message is a record on its way to the log.
type Message struct {
	Partition int32
	Key       []byte
	Value     []byte
	Headers   []Header
	// Time is what the record says; nothing is decided from it. Zero leaves it
	// to the log.
	Time time.Time
}

// Size is what the message weighs, framing aside.
func (m Message) Size() int {
	n := len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// Record is what was read back from the log.
type Record struct {
	Position domain.Position
	// Timestamp is the broker's or producer's; nothing is decided from it.
	Timestamp time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Size is what the record weighs, framing aside.
func (r Record) Size() int {
	return Message{Key: r.Key, Value: r.Value, Headers: r.Headers}.Size()
}
