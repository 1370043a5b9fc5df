package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// place is where a single fetch begins.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// fetched is what stood there: whole batches, the first one however big.
type fetched struct {
	records []journal.Record
	// next is the offset after the last batch, also when that held no record of
	// ours (a transaction's marker); 0 when nothing was there.
	next int64
	// end is the high watermark.
	end int64
}

const (
	fewBytes  = 4 << 10
	fetchWait = 0 // what is asked for is there or is not
)

// fetch reads once, without a consumer. It fails with sarama.ErrOffsetOutOfRange
// where the partition does not reach.
func (c *conn) fetch(ctx context.Context, at place, maxBytes int32) (fetched, error) {
	out, err := await(ctx, func() (fetched, error) {
		var err error
		for range attempts {
			var out fetched
			out, err = c.fetchOnce(at, maxBytes)
			if err == nil || errors.Is(err, sarama.ErrOffsetOutOfRange) || errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
				return out, err
			}
			err = errors.Join(err, c.client.RefreshMetadata(at.topic))
		}
		return fetched{}, err
	}, nil)
	if err != nil {
		return fetched{}, fmt.Errorf("fetch %s at %d:%d: %w", at.topic, at.partition, at.offset, err)
	}
	return out, nil
}

func (c *conn) fetchOnce(at place, maxBytes int32) (fetched, error) {
	leader, epoch, err := c.client.LeaderAndEpoch(at.topic, at.partition)
	if err != nil {
		return fetched{}, err
	}
	req := &sarama.FetchRequest{Version: 11, MaxWaitTime: fetchWait, MinBytes: 1, MaxBytes: maxBytes, SessionEpoch: -1}
	req.AddBlock(at.topic, at.partition, at.offset, maxBytes, epoch)
	resp, err := leader.Fetch(req)
	if err != nil {
		_ = leader.Close() // a broken connection is opened anew by the next attempt
		return fetched{}, err
	}
	block := resp.GetBlock(at.topic, at.partition)
	switch {
	case block == nil:
		return fetched{}, sarama.ErrIncompleteResponse
	case !errors.Is(block.Err, sarama.ErrNoError):
		return fetched{}, block.Err
	}
	out := fetched{end: block.HighWaterMarkOffset}
	for _, set := range block.RecordsSet {
		out.add(at, set.RecordBatch)
	}
	return out, nil
}

// add takes a batch's records from at on and leaves out control batches.
func (f *fetched) add(at place, b *sarama.RecordBatch) {
	if b == nil || b.PartialTrailingRecord {
		return
	}
	f.next = b.LastOffset() + 1
	if b.Control {
		return
	}
	for _, r := range b.Records {
		offset := b.FirstOffset + r.OffsetDelta
		if offset < at.offset {
			continue
		}
		timestamp := b.FirstTimestamp.Add(r.TimestampDelta)
		if b.LogAppendTime {
			timestamp = b.MaxTimestamp
		}
		f.records = append(f.records, journal.Record{
			Position:  domain.Position{Partition: at.partition, Offset: offset},
			Timestamp: timestamp,
			Key:       r.Key,
			Value:     r.Value,
			Headers:   headersFrom(r.Headers),
		})
	}
}

func headersFrom(in []*sarama.RecordHeader) []journal.Header {
	if len(in) == 0 {
		return nil
	}
	out := make([]journal.Header, len(in))
	for i, h := range in {
		out[i] = journal.Header{Key: string(h.Key), Value: h.Value}
	}
	return out
}

// lookBack bounds the records that last holds at once.
const lookBack = 512

// last is the last record from a place up to end that is wanted, or nil. It
// looks back in growing steps, because control batches take offsets too.
func (c *conn) last(ctx context.Context, from place, end int64, wanted func(journal.Record) (bool, error)) (*journal.Record, error) {
	for step := int64(1); end > from.offset; step = min(step*8, lookBack) {
		begin := max(end-step, from.offset)
		records, err := c.between(ctx, place{from.topic, from.partition, begin}, end)
		if err != nil {
			return nil, err
		}
		for _, r := range slices.Backward(records) {
			if found, err := wanted(r); err != nil || found {
				return &r, err
			}
		}
		end = begin
	}
	return nil, nil
}

// between reads the records from a place up to end.
func (c *conn) between(ctx context.Context, at place, end int64) ([]journal.Record, error) {
	var out []journal.Record
	for at.offset < end {
		got, err := c.fetch(ctx, at, MaxMessageBytes)
		if err != nil {
			return nil, err
		}
		for _, r := range got.records {
			if r.Position.Offset < end {
				out = append(out, r)
			}
		}
		at.offset = max(got.next, at.offset+1)
	}
	return out, nil
}
