package saga_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/saga"
)

// TestNothingFollowsFromAnImport: what an import records happened elsewhere.
func TestNothingFollowsFromAnImport(t *testing.T) {
	t.Parallel()
	bus := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{})
	told := make(chan string, 10)
	router, err := saga.NewRouter(saga.RouterConfig{
		Subscribe: func(string, func(string) bool) (message.Subscriber, error) { return bus, nil }, Topic: "events", Logger: slog.New(slog.DiscardHandler),
	}, odd{"told", func(_ context.Context, e feed.Event) error { told <- e.Actor.System; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	<-router.Running()
	for _, by := range []string{workflow.SystemImport, "engine"} {
		e := event(t, domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}, "workflow.created", struct{}{})
		e.Actor.System = by
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := bus.Publish("events", message.NewMessage("an event", raw)); err != nil { // returns when it is acknowledged
			t.Fatal(err)
		}
	}
	if got := <-told; got != "engine" || len(told) > 0 {
		t.Errorf("told of what %s did", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}
