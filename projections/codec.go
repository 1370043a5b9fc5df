package projections

import (
	"crypto/sha256"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// How the data of a blob is stored.
const (
	codecRaw  = 0
	codecZstd = 1
	// compressAbove is the size from which compression is tried.
	compressAbove = 128
)

// Codec compresses what Postgres keeps and reads it back. Its methods are safe
// for concurrent use.
type Codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewCodec makes a Codec.
func NewCodec() (*Codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	return &Codec{enc: enc, dec: dec}, nil
}

// Pack compresses b.
func (c *Codec) Pack(b []byte) []byte { return c.enc.EncodeAll(b, nil) }

// Unpack reads what Pack wrote.
func (c *Codec) Unpack(b []byte) ([]byte, error) {
	out, err := c.dec.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress %d bytes: %w", len(b), err)
	}
	return out, nil
}

// packBlob compresses b where that makes it smaller.
func (c *Codec) packBlob(b []byte) (codec int16, data []byte) {
	if len(b) < compressAbove {
		return codecRaw, b
	}
	if packed := c.Pack(b); len(packed) < len(b) {
		return codecZstd, packed
	}
	return codecRaw, b
}

// UnpackBlob reads the data of a blob.
func (c *Codec) UnpackBlob(codec int16, data []byte) ([]byte, error) {
	if codec == codecRaw {
		return data, nil
	}
	return c.Unpack(data)
}

// NSHash is the key of a checkpoint namespace: the namespace itself may be
// longer than an index key.
func NSHash(ns string) []byte {
	h := sha256.Sum256([]byte(ns))
	return h[:16]
}
