package main

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/handlers/saga"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/answer"
	"github.com/duolog/duolog/projections/queries/cut"
)

// wireRouters makes what consumes topics: the inbox of commands and the sagas.
func (n *node) wireRouters() error {
	commands, err := kafka.NewCommandPublisher(n.cfg.kafka)
	if err != nil {
		return fmt.Errorf("publish commands: %w", err)
	}
	refusals, err := kafka.NewRefusedPublisher(n.cfg.kafka)
	if err != nil {
		return fmt.Errorf("publish refused commands: %w", err)
	}
	n.closers = append(n.closers, func() { _ = commands.Close(); _ = refusals.Close() })
	n.inbox = inbox.NewPublisher(commands, n.cfg.kafka.CommandsTopic(), n.cfg.point)
	refused := inbox.NewRefused(refusals, n.cfg.kafka.RefusedTopic(), n.cfg.logger)
	subscriber, err := kafka.NewCommandSubscriber(n.cfg.kafka, inbox.Group)
	if err != nil {
		return fmt.Errorf("read commands: %w", err)
	}
	n.closers = append(n.closers, func() { _ = subscriber.Close() })
	fromInbox, err := inbox.New(inbox.Config{
		Dispatch: n.dispatch, Refused: refused, Subscriber: subscriber, Topic: n.cfg.kafka.CommandsTopic(),
		Logger: n.cfg.logger, Observe: n.metrics.command, Point: n.cfg.point,
	})
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

func (n *node) sagas(refused *inbox.Refused) (*message.Router, error) {
	codec, err := projections.NewCodec()
	if err != nil {
		return nil, err
	}
	core := saga.Core{Dispatch: n.dispatch, States: n.snapshots, Parking: refused, Logger: n.cfg.logger, Restarts: n.restarts}
	answers := answer.New(cut.DB{Pool: n.db.Read, Codec: codec, Partitions: n.partitions})
	return saga.NewRouter(saga.RouterConfig{
		Subscribe: func(group string) (message.Subscriber, error) {
			s, err := kafka.NewEventSubscriber(n.cfg.kafka, group)
			if err == nil {
				n.closers = append(n.closers, func() { _ = s.Close() })
			}
			return s, err
		},
		Topic: n.cfg.kafka.EventsTopic(), Logger: n.cfg.logger, Observe: n.metrics.Sagas.Observe, Point: n.cfg.point,
	}, saga.NewTrigger(core, n.cfg.tenants), saga.NewStatus(core), saga.NewCallback(core, answers, n.adapters()),
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

// Resolve is what the trigger pins for a message.
func (t tenants) Resolve(_ context.Context, name domain.Tenant, _, flow string) (saga.Pinned, error) {
	found, err := t.find(name)
	if err != nil {
		return saga.Pinned{}, err
	}
	resolved, err := resolveFlow(found, flow)
	if err != nil {
		return saga.Pinned{}, err
	}
	return saga.Pinned{
		Namespace: container(found.Namespace), Project: container(found.Project), Flow: resolved,
		ServiceAccount: found.ServiceAccount, Engine: found.Engine,
	}, nil
}
