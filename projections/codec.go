package projections

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // the dictionary
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// The dictionaries are what commits have in common: one of each kind, as they stand
// in the log. Rows are written over them, so they never change; a better one comes
// beside them, under a mark of its own. The second knows LangGraph's threads, and is
// used over folded text (foldHex), as is that of rows: values and writes as columns
// hold them.
var (
	//go:embed commits.dict
	dictionary1 []byte
	//go:embed commits2.dict
	dictionary2 []byte
	//go:embed rows.dict
	dictionaryRows []byte
	// dictionaryBlobs is a dictionary of zstd: the words that the documentation of many
	// projects uses most, and messages as LangChain writes them in either language.
	//go:embed blobs.dict
	dictionaryBlobs []byte
)

// How the data of a blob is stored.
const (
	codecRaw  = 0
	codecZstd = 1
	// codecDict is zstd over the dictionary of blobs, whose id is in the frame.
	codecDict = 2
	// compressAbove is the size from which compression is tried.
	compressAbove = 128
	// These marks lead a commit that is S2 over a dictionary; every other one is a
	// zstd frame, which begins otherwise.
	markDictionary1 = 2
	markDictionary2 = 3
	// markRow leads a column that is S2 over the dictionary of rows. No JSON begins so.
	markRow = 4
	// dictionaryBelow is the size up to which a dictionary helps.
	dictionaryBelow = 8 << 10
)

var errEmpty = errors.New("decompress: there is nothing")

// Codec compresses what Postgres keeps and reads it back. Its methods are safe
// for concurrent use.
type Codec struct {
	enc *zstd.Encoder
	// blobs is over the dictionary of blobs; dec reads what either wrote.
	blobs *zstd.Encoder
	dec   *zstd.Decoder
	// dicts are by mark.
	dicts map[byte]*s2.Dict
}

// NewCodec makes a Codec.
func NewCodec() (*Codec, error) {
	// Random text has no matches, but an alphabet: without entropy coding of literals it would stay as it is.
	options := []zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(true)}
	enc, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	// A blob has its address to be checked by.
	blobs, err := zstd.NewWriter(nil, append(options, zstd.WithEncoderDict(dictionaryBlobs), zstd.WithEncoderCRC(false))...)
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder of blobs: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderDicts(dictionaryBlobs))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	c := &Codec{enc: enc, blobs: blobs, dec: dec, dicts: map[byte]*s2.Dict{markDictionary1: s2.MakeDict(dictionary1, nil)}}
	for mark, dictionary := range map[byte][]byte{markDictionary2: dictionary2, markRow: dictionaryRows} {
		folded, ok := foldHex(dictionary)
		if !ok {
			return nil, errors.New("the dictionary is not text")
		}
		c.dicts[mark] = s2.MakeDict(folded, nil)
	}
	return c, nil
}

// PackCommit compresses the value of a commit's record. Commits are small and
// much alike: over a dictionary that takes a tenth of the time that zstd takes,
// and the result is a third smaller.
func (c *Codec) PackCommit(b []byte) []byte {
	if len(b) >= dictionaryBelow {
		return c.enc.EncodeAll(b, nil)
	}
	mark := byte(markDictionary2)
	folded, ok := foldHex(b)
	if !ok {
		mark, folded = markDictionary1, b
	}
	return c.over(mark, folded)
}

// over is S2 over a dictionary, behind its mark.
func (c *Codec) over(mark byte, b []byte) []byte {
	out := make([]byte, 1+s2.MaxEncodedLen(len(b)))
	out[0] = mark
	return out[:1+len(c.dicts[mark].Encode(out[1:], b))]
}

// UnpackCommit reads what PackCommit wrote.
func (c *Codec) UnpackCommit(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errEmpty
	}
	if _, ok := c.dicts[b[0]]; !ok {
		return c.unzstd(b)
	}
	return c.under(b)
}

// under reads what over wrote.
func (c *Codec) under(b []byte) ([]byte, error) {
	// The length stands in front, and room is made for it before anything is read.
	if n, err := s2.DecodedLen(b[1:]); err != nil || n >= dictionaryBelow {
		return nil, fmt.Errorf("decompress %d bytes over the dictionary: they say that they become %d: %w", len(b), n, cmp.Or(err, s2.ErrTooLarge))
	}
	out, err := c.dicts[b[0]].Decode(nil, b[1:])
	if err != nil {
		return nil, fmt.Errorf("decompress %d bytes over the dictionary: %w", len(b), err)
	}
	if b[0] != markDictionary1 {
		out = unfoldHex(out)
	}
	return out, nil
}

func (c *Codec) unzstd(b []byte) ([]byte, error) {
	out, err := c.dec.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress %d bytes: %w", len(b), err)
	}
	return out, nil
}

// packBlob compresses b where that makes it smaller. Messages are short and much alike,
// and share words: a dictionary takes a sixth to a third off what zstd alone makes of them.
func (c *Codec) packBlob(b []byte) (codec int16, data []byte) {
	if len(b) < compressAbove {
		return codecRaw, b
	}
	codec, enc := int16(codecZstd), c.enc
	if len(b) < dictionaryBelow {
		codec, enc = codecDict, c.blobs
	}
	if packed := enc.EncodeAll(b, nil); len(packed) < len(b) {
		return codec, packed
	}
	return codecRaw, b
}

// UnpackBlob reads the data of a blob.
func (c *Codec) UnpackBlob(codec int16, data []byte) ([]byte, error) {
	if codec == codecRaw {
		return data, nil
	}
	return c.unzstd(data)
}

// NSHash is the key of a checkpoint namespace: the namespace itself may be
// longer than an index key.
func NSHash(ns string) []byte {
	h := sha256.Sum256([]byte(ns))
	return h[:16]
}
