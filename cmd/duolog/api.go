package main

import (
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/schemas"
)

// blobsKept is how many bytes of what was read last are kept for who reads them again.
const blobsKept = 64 << 20

// wireAPI makes the HTTP server.
func (n *node) wireAPI() error {
	codec, err := projections.NewCodec()
	if err != nil {
		return err
	}
	db := cut.DB{Pool: n.db.Read, Codec: codec, Partitions: n.partitions, Cache: cut.NewCache(blobsKept)}
	c := api.Config{Queries: api.NewQueries(db)}
	c.Flows, c.FlowsOf = n.trigger, n.directory.flowsOf
	c.Log, c.Stopping, c.Dispatch, c.Inbox = n.log.Genesis().Log, n.stopping, n.guard(), n.inbox
	c.Auth, c.Tokens, c.RunTokens = n.cfg.callers, identity.Book{Keys: n.cfg.keys}, n.cfg.callers.Runs
	c.Permissions, c.PermissionsAt = n.directory.asker(n.directory), n.directory.askerAt
	c.OwnsAccount = n.directory.ownsAccount
	c.Tenants, c.Ready, c.Gate, c.Changes = n.cfg.tenants, n.ready, n.visible, n.visible
	c.Directories = n.directory
	c.Metrics, c.Observe, c.Refused, c.Tracer = n.metrics.handler(), n.metrics.request, n.metrics.refused, n.tracer()
	c.Logger, c.Now, c.NewID, c.URL, c.Schemas = n.cfg.logger, n.cfg.now, newID, n.cfg.url, schemas.Public
	c.Limits = api.Limits{MaxBody: n.cfg.maxBody, TenantBytes: n.cfg.tenantCap, TenantRate: n.cfg.tenantRate}
	if g := n.cfg.gitlab; g != nil {
		c.WorkloadURL = g.workloadURL
	}
	if g := n.cfg.gitlab; g.takesHooks() {
		hook := g.hook
		hook.Ask = n.effects.Ask
		c.GitLab = hook
	}
	handler, err := api.New(c)
	if err != nil {
		return err
	}
	n.metrics.HTTP.Streams(handler.Streams)
	n.server = api.NewHTTPServer(handler)
	return nil
}
