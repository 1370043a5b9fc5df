package main

import (
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/adapter/console"
	"github.com/duolog/duolog/handlers/adapter/webhook"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/engine/gitlab"
	"github.com/duolog/duolog/handlers/engine/local"
	"github.com/duolog/duolog/handlers/retention"
	"github.com/duolog/duolog/projections/queries/expiry"
	"github.com/duolog/duolog/projections/queries/intents"
	"github.com/duolog/duolog/projections/queries/traces"
)

// wireEffects makes the engine and what works off intents.
func (n *node) wireEffects() error {
	var err error
	if n.engine, err = local.New(n.cfg.engine); err != nil {
		return problem{err.Error(), "check the engine settings of the configuration"}
	}
	if g := n.cfg.gitlab; g != nil {
		engine := g.engine
		engine.Point = n.cfg.point
		if n.gitlab, err = gitlab.New(engine); err != nil {
			return err
		}
	}
	n.effects, err = effects.New(effects.Config{
		Intents: intents.New(n.db.Read), Wake: n.visible, Dispatch: n.dispatch,
		Engines: n.engines(), Adapters: n.adapters(),
		Tokens: minter{n.cfg.callers.Runs}, Models: n.directory.model, States: n.snapshots, URL: n.cfg.url, BasePath: n.cfg.basePath,
		Instance: n.instance, OnLost: n.cfg.onLost, Place: n.cfg.tenants.place, Now: n.cfg.now, Logger: n.cfg.logger, Point: n.cfg.point,
		Observe: n.metrics.Effects.Observe, Tracer: n.tracer(), Traces: traces.New(n.db.Read),
	})
	return err
}

// wireRetention makes what removes threads that were kept long enough.
func (n *node) wireRetention() error {
	tenants := map[domain.Tenant]workflow.Retention{}
	for _, t := range n.cfg.tenants.list {
		tenants[t.Name] = workflow.Retention{TTL: int64(time.Duration(t.Threads.TTL).Seconds()), Strategy: workflow.PruneStrategy(t.Threads.TTLStrategy)}
	}
	n.retention = retention.New(retention.Config{
		Threads: expiry.New(n.db.Read), Dispatch: n.dispatch, Tenants: tenants, Now: n.cfg.now, NewID: newID, Logger: n.cfg.logger,
	})
	return nil
}

func (n *node) adapters() adapter.Registry {
	return adapter.Registry{console.Name: console.Adapter{}, webhook.Name: n.webhooks}
}
