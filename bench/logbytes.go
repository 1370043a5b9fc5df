package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/bench/baseline"
	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/domain/journal"
)

// bytesOf reads the journal: what each checkpoint takes there, by its thread_ts.
func bytesOf(broker string) (map[string]float64, error) {
	client, err := sarama.NewClient([]string{broker}, baseline.Config())
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer client.Close() //nolint:errcheck // only read from
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer consumer.Close() //nolint:errcheck // only read from
	out := map[string]float64{}
	for partition := range int32(lab.Partitions) {
		if err := bytesIn(client, consumer, partition, out); err != nil {
			return nil, fmt.Errorf("read partition %d of the journal: %w", partition, err)
		}
	}
	return out, nil
}

func bytesIn(client sarama.Client, consumer sarama.Consumer, partition int32, out map[string]float64) error {
	const topic = lab.Prefix + ".journal"
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	records, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer records.Close() //nolint:errcheck // only read from
	ahead := map[string]int{}
	for at := int64(0); at < end; {
		m := <-records.Messages()
		at = m.Offset + 1
		key := string(m.Key)
		if !strings.Contains(key, "/workflow/") {
			continue
		}
		ahead[key] += sizeOf(m)
		commit, err := journal.DecodeCommit(m.Value)
		if err != nil {
			continue // bytes that go ahead of their commit
		}
		if id := checkpointIn(commit); id != "" {
			out[id] = float64(ahead[key])
		}
		ahead[key] = 0
	}
	return nil
}

func sizeOf(m *sarama.ConsumerMessage) int {
	n := len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// checkpointIn is the thread_ts of the checkpoint that a commit made, or nothing.
func checkpointIn(c journal.Commit) string {
	for _, e := range c.Events {
		if e.Type != "workflow.checkpointed" {
			continue
		}
		var made struct {
			ThreadTS string `json:"thread_ts"`
		}
		if json.Unmarshal(e.Data, &made) == nil {
			return made.ThreadTS
		}
	}
	return ""
}
