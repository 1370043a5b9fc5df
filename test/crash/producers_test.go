//go:build crash

package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/cloudevent"
	"github.com/duolog/duolog/handlers/entry"
)

const producerSource = "/crash"

// producers put commands on the topic, each of them twice: they know no node.
type producers struct {
	w    *world
	mu   sync.Mutex
	sent []string
	// made are the workflows that the answers name.
	made map[string]bool
}

// run sends a command every few seconds until ctx ends.
func (p *producers) run(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		p.send(context.WithoutCancel(ctx))
		pass(ctx, 2*time.Second+upTo(rng, 3*time.Second))
	}
}

// send writes one command until the broker has it, and then once more.
func (p *producers) send(ctx context.Context) {
	p.mu.Lock()
	id := fmt.Sprintf("producer-%d-%d", p.w.seed, len(p.sent))
	p.sent = append(p.sent, id)
	p.mu.Unlock()
	for range 2 {
		if err := wait(ctx, up, func() error { return p.produce(id) }); err != nil {
			p.w.violated("the harness works", "send %s: %v", id, err)
		}
	}
}

func (p *producers) produce(id string) error {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(p.w.kafka().Brokers, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = producer.Close() }()
	m := &sarama.ProducerMessage{
		Topic: p.w.kafka().CommandsTopic(), Key: sarama.StringEncoder(id),
		Value: sarama.StringEncoder(fmt.Sprintf(`{"goal":"what changed, ordered by %[1]s?","source":%[1]q,"messaging_callback_context":{"adapter":"webhook","hook":%[2]q}}`, id, hookName)),
	}
	for name, value := range map[string]string{
		"ce_specversion": "1.0", "ce_id": id, "ce_source": producerSource, "ce_type": "dev.duolog.command.start_workflow.v1",
		"ce_replyto": p.w.kafka().RepliesTopic(), "authorization": "Bearer " + p.w.fleet.Token,
	} {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
	}
	_, _, err = producer.SendMessage(m)
	return err
}

// all are the ids of what was sent.
func (p *producers) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.sent...)
}

// commands are the ids under which the log has them.
func (p *producers) commands() []uuid.UUID {
	var out []uuid.UUID
	mia := entry.Caller{Tenant: "acme", User: "mia"}
	for _, id := range p.all() {
		out = append(out, mia.CommandID(cloudevent.Event{ID: id, Source: producerSource}.Key()))
	}
	return out
}

// check says that each command made one workflow and started one agent, and that
// each of its records was answered so, always under the same id.
func (p *producers) check() {
	w := p.w
	w.eventually("every command on the topic is carried out", w.settle, `SELECT string_agg(c, ', ') FROM unnest($1::text[]) c
		WHERE NOT EXISTS (SELECT FROM workflows WHERE source = c AND NOT active)`, p.all())
	var answers map[string]map[string]string
	err := wait(w.t.Context(), w.settle, func() (err error) {
		answers, err = p.answers()
		return err
	})
	if err != nil {
		w.violated("every command on the topic is answered", "%v", err)
	}
	for _, id := range p.all() {
		n, err := query[int](w.t.Context(), w.url(), `SELECT count(*) FROM workflows WHERE source = $1`, id)
		if starts := w.fleet.Agent.Starts(w.t, "what changed, ordered by "+id+"?"); err != nil || n != 1 || starts != 1 {
			w.violated("one command is carried out once", "%s made %d workflows and started the agent %d times (%v)", id, n, starts, err)
		}
		if len(answers[id]) < 2 {
			w.violated("every command on the topic is answered", "of two records of %s these were answered: %v", id, answers[id])
		}
	}
	p.mu.Lock()
	made := slices.Sorted(maps.Keys(p.made))
	p.mu.Unlock()
	w.hook.check(w, made)
}

// answers reads the topic of answers: for each command the ids of the answers to its
// records. It fails while one is missing.
func (p *producers) answers() (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	for partition := range int32(partitions) {
		records, err := p.w.topic(p.w.kafka().RepliesTopic(), partition)
		if err != nil {
			return nil, err
		}
		for _, m := range records {
			if err := p.answer(m, out); err != nil {
				return nil, err
			}
		}
	}
	for _, id := range p.all() {
		if len(out[id]) < 2 {
			return out, errors.New(id + " is not answered for both of its records")
		}
	}
	return out, nil
}

func (p *producers) answer(m *sarama.ConsumerMessage, into map[string]map[string]string) error {
	headers := map[string]string{}
	for _, h := range m.Headers {
		headers[string(h.Key)] = string(h.Value)
	}
	var data struct {
		ID, Record string
		Workflow   struct{ ID string }
	}
	if err := json.Unmarshal(m.Value, &data); err != nil {
		return err
	}
	if !strings.HasSuffix(headers["ce_type"], ".accepted.v1") {
		p.w.violated("every command on the topic is carried out", "%s is answered %s", data.ID, m.Value)
	}
	p.mu.Lock()
	p.made[data.Workflow.ID] = true
	p.mu.Unlock()
	of := into[data.ID]
	if of == nil {
		of = map[string]string{}
		into[data.ID] = of
	}
	if before, twice := of[data.Record]; twice && before != headers["ce_id"] {
		p.w.violated("an answer that comes again is the same", "%s at %s is answered as %s and %s", data.ID, data.Record, before, headers["ce_id"])
	}
	of[data.Record] = headers["ce_id"]
	return nil
}
