package kafka

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
)

// Metadata of a message beside its headers, which keep their names
// (CloudEvents in binary mode: ce_id, ce_type, … and content-type). A header
// with one of these names is hidden; of headers with the same name the last
// one counts.
const (
	// MetadataKey is the record key. A publisher sends it as the key.
	MetadataKey = "kafka_key"
	// MetadataTopic, MetadataPartition and MetadataOffset are where a message
	// was read.
	MetadataTopic     = "kafka_topic"
	MetadataPartition = "kafka_partition"
	MetadataOffset    = "kafka_offset"
	// MetadataTimestamp is the record's time in RFC 3339, UTC.
	MetadataTimestamp = "kafka_timestamp"
	// MetadataSource leads the headers that say where a refused message was
	// read: source_topic, source_partition, source_offset, source_timestamp.
	MetadataSource = "source_"
)

const (
	placePrefix   = "kafka_"
	headerEventID = "ce_id"
	headerUUID    = "_watermill_message_uuid" // of messages without a ce_id
)

// unmarshaler never fails: watermill-kafka would block the partition for good,
// and silently. Bytes that are no message are the handler's to judge.
type unmarshaler struct{}

// Unmarshal makes a message of any record. Its UUID is the header ce_id, or
// topic:partition:offset, which a redelivery keeps.
func (unmarshaler) Unmarshal(m *sarama.ConsumerMessage) (*message.Message, error) {
	meta := make(message.Metadata, len(m.Headers)+5)
	for _, h := range m.Headers {
		meta[string(h.Key)] = string(h.Value)
	}
	id := meta[headerEventID]
	if id == "" {
		id = meta[headerUUID]
	}
	if id == "" {
		id = fmt.Sprintf("%s:%d:%d", m.Topic, m.Partition, m.Offset)
	}
	delete(meta, headerUUID)
	meta[MetadataKey] = string(m.Key)
	meta[MetadataTopic] = m.Topic
	meta[MetadataPartition] = strconv.Itoa(int(m.Partition))
	meta[MetadataOffset] = strconv.FormatInt(m.Offset, 10)
	meta[MetadataTimestamp] = m.Timestamp.UTC().Format(time.RFC3339Nano)
	out := message.NewMessage(id, m.Value)
	out.Metadata = meta
	return out, nil
}

// marshaler sends metadata as headers and MetadataKey as the key.
type marshaler struct {
	// refused keeps where a message was read, and takes one without a key.
	refused bool
}

var errNoKey = errors.New("metadata " + MetadataKey + " is missing: without a key there is no order")

// Marshal refuses a message without a key, unless it comes from the inbox.
func (m marshaler) Marshal(topic string, msg *message.Message) (*sarama.ProducerMessage, error) {
	out := &sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(msg.Payload)}
	if key := msg.Metadata.Get(MetadataKey); key != "" {
		out.Key = sarama.StringEncoder(key)
	} else if !m.refused {
		return nil, errNoKey
	}
	for name, value := range msg.Metadata {
		place, isPlace := strings.CutPrefix(name, placePrefix)
		switch {
		case !isPlace:
		case m.refused && name != MetadataKey:
			name = MetadataSource + place
		default:
			continue
		}
		out.Headers = append(out.Headers, header(name, value))
	}
	if msg.UUID != "" && msg.Metadata.Get(headerEventID) == "" {
		out.Headers = append(out.Headers, header(headerUUID, msg.UUID))
	}
	return out, nil
}

func header(name, value string) sarama.RecordHeader {
	return sarama.RecordHeader{Key: []byte(name), Value: []byte(value)}
}
