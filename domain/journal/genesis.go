package journal

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/strictjson"
)

// GenesisKey is the key of record 0 of every partition.
const GenesisKey = "genesis"

// Partitioner is the one way a key maps to a partition: Java's murmur2,
// (hash & 0x7fffffff) % partitions. It is part of the data format.
const Partitioner = "murmur2"

// Version is the format this build writes.
const Version = 1

// Genesis is record 0 of each partition: the log says what it is. What is read
// back at 0:0 is the log's id.
type Genesis struct {
	Log         uuid.UUID `json:"log"`
	Partition   int32     `json:"partition"`
	Partitions  int32     `json:"partitions"`
	Partitioner string    `json:"partitioner"`
	Format      int       `json:"format"`
}

type genesisRecord struct {
	V       int      `json:"v"`
	Genesis *Genesis `json:"genesis"`
}

// Message is the record that starts partition g.Partition.
func (g Genesis) Message() (Message, error) {
	value, err := json.Marshal(genesisRecord{V: Version, Genesis: &g})
	if err != nil {
		return Message{}, fmt.Errorf("encode genesis of partition %d: %w", g.Partition, err)
	}
	return Message{Partition: g.Partition, Key: []byte(GenesisKey), Value: value}, nil
}

// ErrNotGenesis says that a record does not begin a Duolog partition.
var ErrNotGenesis = errors.New("not a genesis record")

// ParseGenesis reads record 0 of a partition. It returns ErrNotGenesis for
// anything that is not one this build can write behind.
func ParseGenesis(r Record) (Genesis, error) {
	var rec genesisRecord
	if string(r.Key) != GenesisKey || strictjson.Unmarshal(r.Value, &rec) != nil || rec.Genesis == nil {
		return Genesis{}, ErrNotGenesis
	}
	g := *rec.Genesis
	switch {
	case rec.V != Version || g.Format != Version:
		return Genesis{}, fmt.Errorf("%w: format %d is not %d", ErrNotGenesis, g.Format, Version)
	case g.Partitioner != Partitioner:
		return Genesis{}, fmt.Errorf("%w: partitioner %q is not %s", ErrNotGenesis, g.Partitioner, Partitioner)
	case g.Log == uuid.Nil:
		return Genesis{}, fmt.Errorf("%w: the log has no id", ErrNotGenesis)
	case g.Partition != r.Position.Partition || g.Partitions <= g.Partition:
		return Genesis{}, fmt.Errorf("%w: it says partition %d of %d", ErrNotGenesis, g.Partition, g.Partitions)
	}
	return g, nil
}

// PartitionOf is the partition a key belongs to.
func PartitionOf(key []byte, partitions int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is the hash of Kafka's Java client.
func murmur2(data []byte) uint32 {
	const m, seed = uint32(0x5bd1e995), uint32(0x9747b28c)
	h := seed ^ uint32(len(data)) //nolint:gosec // keys are short
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h *= m
		h ^= k
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
