package main

import (
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/commits"
	"github.com/duolog/duolog/projections/queries/conversations"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/timeline"
	"github.com/duolog/duolog/projections/queries/workflows"
	"github.com/duolog/duolog/schemas"
)

// wireAPI makes the HTTP server.
func (n *node) wireAPI() error {
	codec, err := projections.NewCodec()
	if err != nil {
		return err
	}
	db := cut.DB{Pool: n.db.Read, Codec: codec, Partitions: n.partitions}
	handler, err := api.New(api.Config{
		Log: n.log.Genesis().Log, Stopping: n.stopping,
		Dispatch: n.dispatch, Inbox: n.inbox,
		Workflows: workflows.New(db), Checkpoints: checkpoints.New(db), Timeline: timeline.New(db), Commits: commits.New(db), Conversations: conversations.New(db), Deliveries: n.deliveries,
		Auth: authenticator{n.cfg.keys}, Tenants: n.cfg.tenants, Ready: n.ready, Gate: n.visible, Changes: n.visible,
		Metrics: n.metrics.handler(), Observe: n.metrics.request, Refused: n.metrics.refused, Tracer: n.tracer(), Logger: n.cfg.logger, Now: n.cfg.now, NewID: newID,
		URL: n.cfg.url, Schemas: schemas.Public, Limits: api.Limits{MaxBody: n.cfg.maxBody, TenantBytes: n.cfg.tenantCap, TenantRate: n.cfg.tenantRate},
	})
	if err != nil {
		return err
	}
	n.metrics.HTTP.Streams(handler.Streams)
	n.server = api.NewHTTPServer(handler)
	return nil
}
