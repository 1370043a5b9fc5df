package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/duolog/duolog/domain/journal"
)

// window is how many steps are compared with how many: those after the first
// window with the last.
const window = 100

// growth runs a conversation that grows by 1 KB a step and is sent whole each
// time, and compares its last steps with its first: in the bytes they added to
// the log, and in time.
func growth(ctx context.Context, o options, p *product) ([]result, error) {
	number, err := p.create(ctx)
	if err != nil {
		return nil, err
	}
	took := make([]float64, o.steps)
	c := conversation{texts: texts(), path: fmt.Sprintf("%s/%d/checkpoints", workflowsPath, number), parent: "null"}
	for i := range took {
		began := o.now()
		if err := c.step(ctx, p); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		took[i] = float64(o.now().Sub(began)) / float64(time.Millisecond)
	}
	added, err := addedBytes(p)
	if err != nil {
		return nil, err
	}
	if len(added) < o.steps {
		return nil, fmt.Errorf("the journal has %d checkpoints of %d", len(added), o.steps)
	}
	what, baseline := fmt.Sprintf("steps %d to %d of a conversation growing 1 KB a step", o.steps-window, o.steps), fmt.Sprintf("steps %d to %d", window, 2*window)
	return []result{
		compared(result{ID: "P9-bytes", What: "log bytes a step, " + what, Baseline: baseline, Goal: 1.2, Unit: "B"}, added[len(added)-o.steps:], mean),
		compared(result{ID: "P9-time", What: "median time of a visible POST, " + what + ", all of it sent", Baseline: baseline, Goal: 1.5, Unit: "ms"}, took, median),
	}, nil
}

func compared(r result, steps []float64, of func([]float64) float64) result {
	r.Better, r.Runs = "lower", 1
	r.Value, r.BaselineValue = of(steps[len(steps)-window:]), of(steps[window:2*window])
	r.Ratio = r.Value / r.BaselineValue
	r.Min, r.Max = r.Ratio, r.Ratio
	return r
}

func median(values []float64) float64 {
	m, _, _ := spread(values)
	return m
}

// mean counts the steps that write a node of a list as well.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// conversation is sent whole at each step.
type conversation struct {
	path   string
	parent string
	texts  []byte
	items  bytes.Buffer
}

func (c *conversation) step(ctx context.Context, p *product) error {
	if c.items.Len() > 0 {
		c.items.WriteByte(',')
	}
	fmt.Fprintf(&c.items, `{"type":"human","content":"%s"}`, cutText(c.texts)[:1000])
	ts := newTS()
	var body bytes.Buffer
	body.Grow(c.items.Len() + 512)
	fmt.Fprintf(&body, `{"thread_ts":"%s","parent_ts":%s,"metadata":{"source":"loop"},"checkpoint":{"v":4,"id":"%s","channel_versions":{},"channel_values":{"messages":[`, ts, c.parent, ts)
	body.Write(c.items.Bytes())
	body.WriteString(`]}}}`)
	if _, err := p.post(ctx, c.path, body.Bytes()); err != nil {
		return err
	}
	c.parent = `"` + ts + `"`
	return nil
}

// addedBytes is what each checkpoint in the journal takes there: its commit and
// the records of bytes ahead of it, without framing and before compression.
// The conversation is the only workflow with checkpoints yet.
func addedBytes(p *product) ([]float64, error) {
	cfg := producerConfig()
	cfg.Consumer.Fetch.Default = 2 << 20
	client, err := sarama.NewClient(p.Brokers, cfg)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer client.Close() //nolint:errcheck // only read from
	partitions, err := client.Partitions(p.Prefix + ".journal")
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	var out []float64
	for _, partition := range partitions {
		if out, err = addedIn(client, p.Prefix+".journal", partition, out); err != nil {
			return nil, fmt.Errorf("read partition %d of the journal: %w", partition, err)
		}
	}
	return out, nil
}

func addedIn(client sarama.Client, topic string, partition int32, out []float64) ([]float64, error) {
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return out, err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return out, err
	}
	records, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return out, err
	}
	defer records.Close() //nolint:errcheck // only read from
	pending := 0
	for at := int64(0); at < end; {
		m := <-records.Messages()
		at = m.Offset + 1
		if !strings.Contains(string(m.Key), "/workflow/") {
			continue
		}
		pending += sizeOf(m)
		switch commit, err := journal.DecodeCommit(m.Value); {
		case err != nil: // bytes that go ahead of their commit
		case commit.Command.Type == "workflow.save_checkpoint":
			out, pending = append(out, float64(pending)), 0
		default:
			pending = 0
		}
	}
	return out, nil
}

func sizeOf(m *sarama.ConsumerMessage) int {
	n := len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}
