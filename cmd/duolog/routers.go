package main

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/answer"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// wireRouters makes what consumes topics: the inbox of commands and the sagas.
func (n *node) wireRouters(ctx context.Context) error {
	key, err := n.cfg.keys.Key(ctx, "commands")
	if err != nil {
		return err
	}
	seal := inbox.NewSeal(key)
	commands, err := n.publisher("commands", kafka.NewCommandPublisher)
	if err != nil {
		return err
	}
	refusals, err := n.publisher("refused commands", kafka.NewRefusedPublisher)
	if err != nil {
		return err
	}
	n.inbox = inbox.NewPublisher(commands, n.cfg.kafka.CommandsTopic(), seal, n.cfg.point)
	refused := inbox.NewRefused(refusals, n.cfg.kafka.RefusedTopic(), seal, n.cfg.logger)
	fromInbox, err := n.readInbox(seal, refused)
	if err != nil {
		return err
	}
	sagas, err := n.sagas(refused)
	if err != nil {
		return err
	}
	n.routers = []*message.Router{fromInbox, sagas}
	return nil
}

// publisher makes one that is closed with the node.
func (n *node) publisher(of string, open func(kafka.Config) (message.Publisher, error)) (message.Publisher, error) {
	p, err := open(n.cfg.kafka)
	if err != nil {
		return nil, fmt.Errorf("publish %s: %w", of, err)
	}
	n.closers = append(n.closers, func() { _ = p.Close() })
	return p, nil
}

func (n *node) readInbox(seal inbox.Seal, refused *inbox.Refused) (*message.Router, error) {
	replies, err := n.publisher("answers to commands", kafka.NewReplyPublisher)
	if err != nil {
		return nil, err
	}
	subscriber, err := kafka.NewCommandSubscriber(n.cfg.kafka, inbox.Group)
	if err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	n.closers = append(n.closers, func() { _ = subscriber.Close() })
	return inbox.New(inbox.Config{
		Dispatch: n.guard(), Refused: refused, Subscriber: subscriber, Topic: n.cfg.kafka.CommandsTopic(), Seal: seal,
		Others: inbox.Others{
			Auth:     n.cfg.callers,
			Commands: entry.Commands{Flows: n.trigger, Locate: workflows.New(cut.DB{Pool: n.db.Read, Partitions: n.partitions}).Locate},
			Replies:  inbox.Replies{Publisher: replies, Prefixes: n.cfg.replyTopics, Own: n.cfg.kafka.Own(), Now: n.cfg.now},
		},
		Logger: n.cfg.logger, Tracer: n.tracer(), Observe: n.metrics.Commands.Observe, Point: n.cfg.point,
	})
}

func (n *node) sagas(refused *inbox.Refused) (*message.Router, error) {
	codec, err := projections.NewCodec()
	if err != nil {
		return nil, err
	}
	core := saga.Core{Dispatch: n.guard(), States: n.snapshots, Parking: refused, Logger: n.cfg.logger, Restarts: n.restarts}
	answers := answer.New(cut.DB{Pool: n.db.Read, Codec: codec, Partitions: n.partitions})
	return saga.NewRouter(saga.RouterConfig{
		Subscribe: func(group string, wants func(eventType string) bool) (message.Subscriber, error) {
			s, err := kafka.NewEventSubscriber(n.cfg.kafka, group, wants)
			if err == nil {
				n.sagaGroups = append(n.sagaGroups, group)
				n.closers = append(n.closers, func() { _ = s.Close() })
			}
			return s, err
		},
		Topic: n.cfg.kafka.EventsTopic(), Logger: n.cfg.logger, Tracer: n.tracer(), Observe: n.metrics.Sagas.Observe, Point: n.cfg.point,
	}, saga.NewTrigger(core, n.trigger), saga.NewFollowUp(core, n.trigger), saga.NewStatus(core, answers), saga.NewCallback(core, answers, n.adapters()),
		saga.NewHooks(core, answers, n.cfg.hooks, n.cfg.url, n.cfg.now))
}

// restarts asks the effects, which are wired after the sagas and before
// anything runs.
func (n *node) restarts(ctx context.Context, id domain.StreamID, epoch int, reason string) (bool, error) {
	return n.effects.Restarts(ctx, id, epoch, reason)
}

func (n *node) runRouters(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range n.routers {
		group.Go(func() error { return r.Run(ctx) })
	}
	return group.Wait()
}
