package api

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Dispatcher carries out commands. Do returns when the effect is visible to
// every reader, or with a *domain.Error: not_now means that there was no
// verdict before ctx ended, and that the same request may be sent again.
type Dispatcher interface {
	Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error)
	// DoAll carries out commands of one stream in their order, as Do does each.
	DoAll(ctx context.Context, rs []dispatch.Request) []dispatch.Answer
}

// Inbox takes commands that are carried out later. Publish returns when the
// command is as durable as the log itself; after an error nothing is known, and
// the same envelope may be published again.
type Inbox interface {
	Publish(ctx context.Context, e dispatch.Envelope) error
}

// Gate holds reads back until the read models show what this process has
// answered: after a crash of Postgres they may show less for a moment.
type Gate interface {
	Ready(ctx context.Context) error
}

// Changes says how far the read models have come.
type Changes interface {
	// Wait blocks until they show a position, or ctx ends.
	Wait(ctx context.Context, at domain.Position) error
	// Next is the first offset of a partition that they do not show.
	Next(partition int32) int64
}

// Config is what the API is made of.
type Config struct {
	Queries

	Dispatch Dispatcher
	Inbox    Inbox

	Auth      entry.Authenticator
	Tokens    Tokens
	RunTokens RunTokens
	// Permissions explains who may do what, PermissionsAt who might as of a moment: false
	// where a tenant's directory keeps no past. Nil is so for all.
	Permissions   Permissions
	PermissionsAt func(tenant domain.Tenant, at cut.At) (Permissions, bool)
	// OwnsAccount says whether somebody owns a service account, and so administers its
	// tokens; nil is nobody.
	OwnsAccount func(ctx context.Context, tenant domain.Tenant, owner, login string) (bool, error)
	Tenants     entry.Tenants
	// Directories is who is who for each tenant, wherever that is kept.
	Directories directory.Directory
	// Flows decides what may start and what may go on.
	Flows entry.Flows
	// FlowsOf resolves the flows of a tenant, for a project or namespace.
	FlowsOf func(ctx context.Context, tenant domain.Tenant, path string) (flows.Tenant, error)
	// Log is the id of the log: positions that leave the process name it.
	Log uuid.UUID
	// Stopping is closed when this process begins to stop: who waits for news is
	// answered then, instead of holding the process up. Nil is never.
	Stopping <-chan struct{}
	// ReadOnly says what is served where it is not now and nothing can be written; empty
	// for a node. It stands in the readiness.
	ReadOnly string

	// WorkloadURL is where people see a workload of an engine, empty for nowhere; nil
	// where no engine shows any.
	WorkloadURL func(engine, workload string) string
	// GitLab takes the hooks of a GitLab instance; nil where none are expected.
	GitLab Hooks

	// Ready says at once whether this node can serve, and why not.
	Ready   func(context.Context) error
	Gate    Gate
	Changes Changes
	// Metrics serves /metrics.
	Metrics http.Handler
	// Tracer traces the requests; the zero value none.
	Tracer tracing.Tracer
	// Observe is told of each answered request by its route; nil to leave it out.
	Observe func(route string, status int, took time.Duration)
	// Refused is told of each trigger that its tenant's bound refused; nil to leave
	// it out.
	Refused func(domain.Tenant)
	Logger  *slog.Logger
	Now     func() time.Time
	NewID   func() uuid.UUID
	// URL is where people reach this API; it stands in workflows as gitlab_url.
	URL    string
	Limits Limits
	// Schemas are the files of the published contracts, by the path they are known by.
	Schemas fs.FS
}

// Hooks takes what another system tells by itself. It MUST verify who sends it, and
// its error is the answer.
type Hooks interface {
	Take(r *http.Request) error
}

// Limits bound what one request may cost. The zero value is usable.
type Limits struct {
	// MaxBody bounds a body, decompressed. Below what agents send, their steps
	// are lost; far above, few requests fill the memory. 0 means 32 MiB.
	MaxBody int64
	// MaxCompressed bounds a compressed body as it comes. 0 means 8 MiB.
	MaxCompressed int64
	// TenantBytes bounds the bodies of one tenant's requests under way. 0 means
	// 64 MiB.
	TenantBytes int64
	// TenantRate bounds the writes that one tenant begins each second. 0 is no
	// bound.
	TenantRate int
	// TenantStreams bounds the streams that one tenant follows. 0 means 256.
	TenantStreams int
	// MaxDepth bounds how deep JSON nests. 0 means 128.
	MaxDepth int
	// AgentTime is how long a write of an agent is held before it is refused:
	// agents ignore refusals and lose the step. 0 means 25 s.
	AgentTime time.Duration
	// OtherTime is the deadline of everything else. 0 means 10 s.
	OtherTime time.Duration
	// GateTime is how long a read waits for the gate. 0 means 5 s.
	GateTime time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		MaxBody:       cmp.Or(l.MaxBody, 32<<20),
		MaxCompressed: cmp.Or(l.MaxCompressed, 8<<20),
		TenantBytes:   cmp.Or(l.TenantBytes, 64<<20),
		TenantRate:    l.TenantRate,
		TenantStreams: cmp.Or(l.TenantStreams, 256),
		MaxDepth:      cmp.Or(l.MaxDepth, 128),
		AgentTime:     cmp.Or(l.AgentTime, 25*time.Second),
		OtherTime:     cmp.Or(l.OtherTime, 10*time.Second),
		GateTime:      cmp.Or(l.GateTime, 5*time.Second),
	}
}

// Validate says what is missing.
func (c Config) Validate() error {
	var missing []error
	for _, part := range []struct {
		name string
		nil  bool
	}{
		{"Dispatch", c.Dispatch == nil},
		{"Inbox", c.Inbox == nil},
		{"Queries", c.Queries == Queries{}},
		{"Schemas", c.Schemas == nil},
		{"Auth", c.Auth == nil},
		{"Tokens", c.Tokens == nil},
		{"RunTokens", c.RunTokens == nil},
		{"Permissions", c.Permissions == nil},
		{"Tenants", c.Tenants == nil},
		{"Directories", c.Directories == nil},
		{"Flows", c.Flows == nil},
		{"FlowsOf", c.FlowsOf == nil},
		{"Ready", c.Ready == nil},
		{"Gate", c.Gate == nil},
		{"Changes", c.Changes == nil},
		{"Metrics", c.Metrics == nil},
		{"Logger", c.Logger == nil},
		{"Now", c.Now == nil},
		{"NewID", c.NewID == nil},
	} {
		if part.nil {
			missing = append(missing, errors.New("api: "+part.name+" is missing"))
		}
	}
	return errors.Join(missing...)
}
