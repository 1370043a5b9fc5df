package inbox_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/kafka"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// dispatcher answers commands with what the test says and remembers them.
type dispatcher struct {
	mu   sync.Mutex
	got  []dispatch.Request
	do   func(n int, r dispatch.Request) error
	seen chan dispatch.Request
}

func newDispatcher(do func(n int, r dispatch.Request) error) *dispatcher {
	return &dispatcher{do: do, seen: make(chan dispatch.Request, 100)}
}

func (d *dispatcher) Do(_ context.Context, r dispatch.Request) (dispatch.Result, error) {
	d.mu.Lock()
	d.got = append(d.got, r)
	n := len(d.got)
	d.mu.Unlock()
	if d.do != nil {
		if err := d.do(n, r); err != nil {
			return dispatch.Result{}, err
		}
	}
	d.seen <- r
	return dispatch.Result{Changed: true}, nil
}

func envelope(t *testing.T, r dispatch.Request) dispatch.Envelope {
	t.Helper()
	r.CommandID = uuid.New()
	if r.Stream.ID == uuid.Nil {
		r.Stream = domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
	}
	e, err := dispatch.NewEnvelope(r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func stop() dispatch.Request {
	return dispatch.Request{Workflow: &workflow.UpdateStatus{Event: workflow.EventStop, Reason: "enough"}, Principal: domain.Principal{User: "mia"}}
}

// seal is that of the deployment under test.
var seal = inbox.NewSeal([]byte("of this deployment"))

// bench is an inbox on a message bus in memory.
type bench struct {
	publisher *inbox.Publisher
	bus       *gochannel.GoChannel
	refused   <-chan *message.Message
}

func start(t *testing.T, d *dispatcher) bench {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	bus := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
	refused, err := bus.Subscribe(t.Context(), "refused")
	if err != nil {
		t.Fatal(err)
	}
	run(t, inbox.Config{
		Dispatch: d, Refused: inbox.NewRefused(bus, "refused", seal, logger), Subscriber: bus, Topic: "commands", Seal: seal, Logger: logger,
	})
	t.Cleanup(func() { _ = bus.Close() })
	return bench{inbox.NewPublisher(bus, "commands", seal, nil), bus, refused}
}

func run(t *testing.T, cfg inbox.Config) {
	t.Helper()
	router, err := inbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	<-router.Running()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("router: %v", err)
		}
	})
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestCommandIsCarriedOut(t *testing.T) {
	t.Parallel()
	d := newDispatcher(nil)
	b := start(t, d)
	e := envelope(t, stop())
	if err := b.publisher.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	got := receive(t, d.seen)
	c, ok := got.Workflow.(*workflow.UpdateStatus)
	if !ok || c.Reason != "enough" || got.CommandID != e.ID || got.Stream.String() != e.Stream || got.Principal.User != "mia" {
		t.Errorf("carried out %+v", got)
	}
}

func TestWithoutAVerdictTheCommandIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := newDispatcher(func(n int, _ dispatch.Request) error {
		if n < 3 {
			return &domain.Error{Code: domain.CodeNotNow, Message: "not now"}
		}
		return nil
	})
	b := start(t, d)
	e := envelope(t, stop())
	if err := b.publisher.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	receive(t, d.seen)
	for _, r := range d.got {
		if r.CommandID != e.ID {
			t.Errorf("tried as %s, sent as %s", r.CommandID, e.ID)
		}
	}
}

func TestRefusedCommandsAreKeptWithTheReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payload string
		err     error
		panics  bool
		code    domain.Code
	}{
		"a refusal":      {err: &domain.Error{Code: domain.CodeIllegalStatus, Message: "no", Field: "status_event", Fix: "read it"}, code: domain.CodeIllegalStatus},
		"a stopped one":  {err: &domain.Error{Code: domain.CodeStreamStopped, Message: "stopped"}, code: domain.CodeStreamStopped},
		"a fault":        {panics: true, code: domain.CodeInternal},
		"not JSON":       {payload: "\xff{", code: domain.CodeInvalidBody},
		"unknown type":   {payload: `{"id":"` + uuid.NewString() + `","type":"workflow.dance","v":1,"stream":"acme/workflow/` + uuid.NewString() + `","data":{}}`, code: domain.CodeInvalidField},
		"without a body": {payload: "", code: domain.CodeInvalidBody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDispatcher(func(int, dispatch.Request) error {
				if c.panics {
					panic("boom")
				}
				return c.err
			})
			b := start(t, d)
			msg := message.NewMessage("m-1", []byte(c.payload))
			msg.Metadata.Set("kafka_key", "k")
			if c.err != nil || c.panics {
				payload, err := envelope(t, stop()).Encode()
				if err != nil {
					t.Fatal(err)
				}
				msg.Payload = payload
			}
			msg.Metadata.Set(inbox.HeaderSeal, seal.Of("k", msg.Payload))
			if err := b.bus.Publish("commands", msg); err != nil {
				t.Fatal(err)
			}
			got := receive(t, b.refused)
			got.Ack()
			if got.UUID != "m-1" || string(got.Payload) != string(msg.Payload) || got.Metadata.Get("kafka_key") != "k" ||
				got.Metadata.Get(inbox.HeaderCode) != string(c.code) || got.Metadata.Get(inbox.HeaderReason) == "" {
				t.Errorf("refused as %v", got.Metadata)
			}
		})
	}
}

func TestSagaCommandsArePutAsideToBeSentAgain(t *testing.T) {
	t.Parallel()
	b := start(t, newDispatcher(nil))
	req := stop()
	req.CommandID, req.Stream = uuid.New(), domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	refused := inbox.NewRefused(b.bus, "refused", seal, slog.New(slog.DiscardHandler))
	if err := refused.Command(t.Context(), "event-7", req, &domain.Error{Code: domain.CodeStreamStopped, Message: "stopped"}); err != nil {
		t.Fatal(err)
	}
	got := receive(t, b.refused)
	got.Ack()
	e, err := dispatch.DecodeEnvelope(got.Payload)
	if err != nil || e.ID != req.CommandID || got.Metadata.Get(inbox.HeaderEvent) != "event-7" {
		t.Errorf("put aside as %v, %v", got.Metadata, err)
	}
}

func TestInboxOverKafka(t *testing.T) {
	t.Parallel()
	cfg := kafka.Config{Brokers: embeddedtest.Broker(t), Prefix: "t" + uuid.NewString()[:8], ClientID: "inbox-test"}
	if _, err := kafka.Init(t.Context(), cfg, 4, 1, uuid.New); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	refusing, err := kafka.NewRefusedPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	commands, err := kafka.NewCommandPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := kafka.NewCommandSubscriber(cfg, inbox.Group)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := kafka.NewEventSubscriber(cfg, "refused-reader", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, close := range []func() error{refusing.Close, commands.Close, reader.Close} {
			if err := close(); err != nil {
				t.Error(err)
			}
		}
	})
	d := newDispatcher(func(_ int, r dispatch.Request) error {
		if r.Conversation == nil {
			return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow"}
		}
		return nil
	})
	run(t, inbox.Config{
		Dispatch: d, Refused: inbox.NewRefused(refusing, cfg.RefusedTopic(), seal, logger), Subscriber: sub, Topic: cfg.CommandsTopic(), Seal: seal, Logger: logger,
	})
	publisher := inbox.NewPublisher(commands, cfg.CommandsTopic(), seal, nil)
	conversationID := domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: uuid.New()}
	for range 3 {
		e := envelope(t, dispatch.Request{Stream: conversationID, Conversation: &conversation.ReceiveMessage{
			Place:     conversation.Place{Adapter: "console", Channel: "general", Thread: "1"},
			MessageID: uuid.NewString(), Author: "mia", Text: "go",
		}})
		if err := publisher.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, d.seen); got.CommandID != e.ID {
			t.Errorf("carried out %s, sent %s", got.CommandID, e.ID)
		}
	}
	if err := publisher.Publish(t.Context(), envelope(t, stop())); err != nil {
		t.Fatal(err)
	}
	refused, err := reader.Subscribe(t.Context(), cfg.RefusedTopic())
	if err != nil {
		t.Fatal(err)
	}
	got := receive(t, refused)
	got.Ack()
	if got.Metadata.Get(inbox.HeaderCode) != "not_found" || got.Metadata.Get("source_topic") != cfg.CommandsTopic() || got.Metadata.Get("source_offset") == "" {
		t.Errorf("refused as %v", got.Metadata)
	}
}
