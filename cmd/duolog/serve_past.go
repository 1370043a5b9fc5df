package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/directory/stored"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/internal/keystore"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/schemas"
)

// servePast answers reads from the read models of a schema: no projector, no effects,
// sagas or relay, and no log. It serves until a signal comes.
func servePast(ctx context.Context, a app, cfg config.Config, schema string) error {
	logger, err := newLogger(a, cfg)
	if err != nil {
		return err
	}
	keys, err := keystore.Open(cfg.Keystore, a.now)
	if err != nil {
		return err
	}
	defer keys.Close() //nolint:errcheck // it was only read
	if err := declare(keys, cfg.Tokens); err != nil {
		return err
	}
	p, err := openPast(ctx, cfg.DatabaseURL.Reveal(), schema)
	if err != nil {
		return err
	}
	defer p.db.Close()
	listener, err := listen(ctx, cfg.Listen)
	if err != nil {
		return err
	}
	handler, stop, err := p.api(ctx, a, cfg, keys, logger, publicURL(cfg, listener))
	if err != nil {
		_ = listener.Close()
		return err
	}
	logger.InfoContext(ctx, "serving the past, read-only", slog.String("api", publicURL(cfg, listener)), slog.String("schema", schema), slog.String("until", p.until))
	return serveUntil(ctx, cfg, api.NewHTTPServer(handler), listener, stop)
}

// serveUntil serves until ctx ends; requests under way have their answer.
func serveUntil(ctx context.Context, cfg config.Config, server *http.Server, listener net.Listener, stop func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownGrace)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // what did not end within the grace is cut off
		}
		return nil
	})
	return group.Wait()
}

// past is read models that do not change.
type past struct {
	db         *postgres.DB
	log        uuid.UUID
	partitions int32
	until      string
}

// openPast opens the read models of a schema, and refuses one that a rebuild did not
// make.
func openPast(ctx context.Context, url, schema string) (p past, err error) {
	if p.db, err = openDatabase(ctx, postgres.Config{URL: url, Schema: schema}); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			p.db.Close()
		}
	}()
	comment, there, err := describe(ctx, p.db.Read, schema)
	if err != nil {
		return p, err
	}
	if !there || !strings.HasPrefix(comment, pastSchema) {
		return p, problem{"schema " + schema + " has no read models of the past that are complete", "make them: duolog projection rebuild --until … --into " + schema}
	}
	p.until = strings.TrimPrefix(comment, pastSchema)
	if err := p.db.Migrate(ctx); err != nil {
		return p, err
	}
	if err := p.db.Read.QueryRow(ctx, `SELECT id, partitions FROM log`).Scan(&p.log, &p.partitions); err != nil {
		return p, fmt.Errorf("read the log's id in schema %s: %w", schema, err)
	}
	return p, nil
}

// api is the API over them. The returned function ends what waits.
func (p past) api(ctx context.Context, a app, cfg config.Config, keys *keystore.Store, logger *slog.Logger, url string) (http.Handler, func(), error) {
	codec, err := projections.NewCodec()
	if err != nil {
		return nil, nil, err
	}
	known, err := newTenants(cfg.Tenants, cfg.GitLab.URL != "")
	if err != nil {
		return nil, nil, err
	}
	stopping := make(chan struct{})
	c := api.Config{Queries: api.NewQueries(cut.DB{Pool: p.db.Read, Codec: codec, Partitions: p.partitions})}
	c.Log, c.Stopping, c.Dispatch, c.Inbox = p.log, stopping, p, p
	who := callers(keys, cfg.Providers, url, a.now)
	c.Auth, c.Tokens, c.RunTokens = who, identity.Book{Keys: keys}, who.Runs
	c.Tenants, c.Ready, c.Gate, c.Changes = known, p.ready, p, p
	own, err := newDirectories(ctx, known, stored.Config{Queries: c.Directory, Dispatch: p, Gate: p, Log: p.log, Now: a.now, NewID: newID}, nil)
	if err != nil {
		return nil, nil, err
	}
	c.Directories = own
	c.Permissions, c.PermissionsAt = own.asker(own), own.askerAt
	c.Tools, c.OwnsAccount = p, own.ownsAccount
	c.Flows, c.FlowsOf = p, own.flowsOf
	c.ReadOnly = "the read models until " + p.until
	c.Metrics, c.Logger, c.Now, c.NewID, c.URL, c.Schemas = http.NotFoundHandler(), logger, a.now, newID, url, schemas.Public
	c.Limits = api.Limits{MaxBody: int64(cfg.MaxBody), TenantBytes: int64(cfg.TenantBytes), TenantRate: cfg.TenantRate}
	handler, err := api.New(c)
	return handler, func() {
		close(stopping)
		_ = own.stored.Close(context.WithoutCancel(ctx))
	}, err
}

func (p past) readOnly() error {
	return &domain.Error{
		Code: domain.CodeReadOnly, Message: "this server shows the read models until " + p.until + " and takes no writes",
		Fix: "send it to a node that serves now",
	}
}

// UseTool refuses.
func (p past) UseTool(context.Context, permission.ToolCall) (access.Decision, error) {
	return access.Decision{}, p.readOnly()
}

// Do refuses.
func (p past) Do(context.Context, dispatch.Request) (dispatch.Result, error) {
	return dispatch.Result{}, p.readOnly()
}

// DoAll refuses each.
func (p past) DoAll(_ context.Context, rs []dispatch.Request) []dispatch.Answer {
	out := make([]dispatch.Answer, len(rs))
	for i := range out {
		out[i].Err = p.readOnly()
	}
	return out
}

// Publish refuses.
func (p past) Publish(context.Context, dispatch.Envelope) error { return p.readOnly() }

// TriggerFlow refuses what would start.
func (p past) TriggerFlow(context.Context, trigger.Ask) (*workflow.Start, *access.Facts, error) {
	return nil, nil, p.readOnly()
}

// MayResume refuses what would go on.
func (p past) MayResume(context.Context, domain.StreamID, string) (*access.Facts, error) {
	return nil, p.readOnly()
}

// ready says whether the database answers.
func (p past) ready(ctx context.Context) error {
	if err := p.db.Read.Ping(ctx); err != nil {
		return &domain.Error{Code: domain.CodeNotNow, Message: "the database does not answer", Fix: "start it, or look at the network to it", Err: err}
	}
	return nil
}

// Ready is at once: nothing was answered that may not show.
func (past) Ready(context.Context) error { return nil }

// Wait waits for what does not come.
func (past) Wait(ctx context.Context, _ domain.Position) error {
	<-ctx.Done()
	return ctx.Err()
}

// Next is behind nothing: no reader is woken.
func (past) Next(int32) int64 { return math.MinInt64 }
