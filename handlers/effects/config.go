package effects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/tracing"
	"github.com/duolog/duolog/projections/queries/intents"
)

// Intents lists what is owed and due before a time, oldest first, in pages that
// begin after an intent. It MAY be behind: the claim decides.
//
// DueAt is the same for the runs that a node claimed. Orphans lists the runs of
// a partition whose node has not lived for longer than missing.
type Intents interface {
	Due(ctx context.Context, partition int32, before time.Time, after *intents.Intent, limit int) ([]intents.Intent, error)
	DueAt(ctx context.Context, node string, before time.Time, after *intents.Intent, limit int) ([]intents.Intent, error)
	Orphans(ctx context.Context, partition int32, engines []string, missing time.Duration) ([]intents.Orphan, error)
	// Active lists the workflows of a partition that have a run on these engines.
	Active(ctx context.Context, partition int32, engines []string, after string, limit int) ([]domain.StreamID, error)
}

// Wake gives a channel that is closed when what is owed in a partition has changed, or
// may have. It MAY miss a change made elsewhere: Poll makes up for that.
type Wake interface {
	Owes(partition int32) <-chan struct{}
}

// Dispatcher carries out commands. A *domain.Error is a refusal, code not_now
// among them; the state in the result MUST show the command.
type Dispatcher interface {
	Do(ctx context.Context, req dispatch.Request) (dispatch.Result, error)
}

// Engine runs workloads. Start MUST be idempotent by run id. A *domain.Error
// from it means that nothing was started and that trying again cannot help;
// after any other error nothing is known, and Lookup tells. Stop of a run that
// is unknown or over MUST be a success.
type Engine interface {
	Start(ctx context.Context, s engine.Start) (engine.Workload, error)
	Lookup(ctx context.Context, run engine.Run) (engine.State, engine.Workload, error)
	Stop(ctx context.Context, run engine.Run) error
}

// Asked is an engine that tells of no end by itself, or only as long as nothing
// is lost on the way: every node asks it for the runs of its partitions. Ended is
// nil as long as the run goes on. It MUST say the same again until its answer was
// recorded, whoever asks.
type Asked interface {
	Engine
	Ended(ctx context.Context, run engine.Run) (*engine.Finished, error)
}

// Token is what a run's token is bound to.
type Token struct {
	Tenant         domain.Tenant
	Workflow       uuid.UUID
	Run            uuid.UUID
	Epoch          int
	User           string
	ServiceAccount string
	Engine         string
}

// Tokens makes the token that a run calls back with. An unused one MUST do no
// harm: a claim may be lost after it was made.
type Tokens interface {
	Mint(ctx context.Context, t Token) (string, error)
}

// Model is what a run gets whose workflow has no model of its own.
type Model struct {
	// Fresh is its metadata; empty for none.
	Fresh string
	// Sticky says that a model which was recorded goes before it.
	Sticky bool
}

// Models resolves the model of a run for the project or namespace that its workflow
// belongs to, by path. An error means that it cannot be told now: nobody guesses.
type Models func(ctx context.Context, tenant domain.Tenant, path string) (Model, error)

// Bound is an engine whose workloads only their own node can look up and stop:
// what is owed for a claimed run is done there, whoever owns the partition.
type Bound interface {
	Engine
	NodeBound()
}

// Traces finds the traceparent of the commit that asked for an effect, empty
// where it has none.
type Traces interface {
	Intent(ctx context.Context, kind workflow.IntentKind, id uuid.UUID) (string, error)
}

// What happens to a run that its engine lost.
const (
	OnLostFail    = "fail"
	OnLostRestart = "restart"
)

// Config is what a Runner is made of.
type Config struct {
	Intents  Intents
	Wake     Wake
	Dispatch Dispatcher
	// Engines by name. A run for one that is missing here ends as failed.
	Engines  map[string]Engine
	Adapters adapter.Registry
	Tokens   Tokens
	// Models is asked at each run; nil lets every workflow keep the model it recorded.
	Models Models
	States stored.Source
	// URL is where a run reaches this server.
	URL string
	// BasePath is the directory a run works in; absolute, or empty to leave it
	// to the engine.
	BasePath string
	// Instance names this process: node/random, so that attempts made before a
	// restart are known to be nobody's, and on which node they were made.
	Instance string
	// Missing is how long a node must not have lived before its runs count as
	// lost (30 s). Shorter ends runs that are still at work, longer leaves
	// people waiting. It MUST be below a minute, for which nodes are remembered.
	Missing time.Duration
	// Ask is how often an engine that must be asked is asked how its runs are (15 s).
	// Longer leaves people waiting where a hook got lost, shorter asks more often.
	Ask time.Duration
	// OnLost is fail (default) or restart.
	OnLost string
	// Place chooses the engine of a run: own, the one that it was asked for on, or else
	// another that can and was not tried in vain. Own is empty where another one is asked
	// for. A *domain.Error says that there is none. Nil leaves every run where it was
	// asked for.
	Place func(tenant domain.Tenant, created *workflow.Created, own string, tried []string) (placement.Decision, error)
	// TakeOver is how old another instance's open attempt must be before it is
	// resolved here (10 s). Shorter looks up what is still being called, longer
	// leaves people waiting after a crash.
	TakeOver time.Duration
	// TakeOverRun is the same for the start of a run (35 s). It MUST be longer than a call
	// may take: who was held up before its call would make it when another instance has
	// found nothing, has started the run, and has seen it end.
	TakeOverRun time.Duration
	// Poll is how often the intents are read though nothing woke us (1 s).
	Poll time.Duration
	// Grace is how long calls in flight may take when the partition is given up
	// (2 s). Shorter leaves more attempts unknown, longer delays a shutdown. It
	// MUST be below TakeOver.
	Grace time.Duration
	// Parallel bounds the effects in flight per partition (16).
	Parallel int
	Now      func() time.Time
	Logger   *slog.Logger
	// Observe is told of each attempt of an effect; nil to leave it out.
	Observe func(kind, outcome string)
	// Tracer goes on with the traces of what asked for effects, by Traces; the
	// zero value with none.
	Tracer tracing.Tracer
	Traces Traces
	// Point is called at named points for crash tests; nil outside them.
	Point func(name string)
}

// Validate says which field cannot work.
func (c Config) Validate() error {
	switch {
	case c.Intents == nil || c.Wake == nil || c.Dispatch == nil || c.Tokens == nil || c.States == nil || c.Now == nil || c.Logger == nil:
		return errors.New("effects: intents, wake, dispatch, tokens, states, now and logger are needed")
	case c.Instance == "":
		return errors.New("effects: instance is missing")
	case c.BasePath != "" && !filepath.IsAbs(c.BasePath):
		return fmt.Errorf("effects: base path %s is not absolute", c.BasePath)
	case c.OnLost != "" && c.OnLost != OnLostFail && c.OnLost != OnLostRestart:
		return fmt.Errorf("effects: on lost must be %s or %s, not %q", OnLostFail, OnLostRestart, c.OnLost)
	case c.TakeOver < 0 || c.TakeOverRun < 0 || c.Poll < 0 || c.Grace < 0 || c.Parallel < 0:
		return errors.New("effects: take over, poll, grace and parallel must not be negative")
	}
	return nil
}

// Runner works off intents. Make it with New.
type Runner struct {
	cfg   Config
	node  string
	began time.Time

	mu sync.Mutex
	// pauses are the effects that failed, until when they are left alone.
	pauses map[effectKey]pause
	// busy are the lanes with an effect in flight, of every loop.
	busy map[string]bool
}

// New makes a Runner. It starts nothing.
func New(cfg Config) (*Runner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.TakeOver = cmp.Or(cfg.TakeOver, 10*time.Second)
	cfg.TakeOverRun = cmp.Or(cfg.TakeOverRun, callTimeout+5*time.Second)
	cfg.Ask = cmp.Or(cfg.Ask, 15*time.Second)
	cfg.Poll = cmp.Or(cfg.Poll, time.Second)
	cfg.Missing = cmp.Or(cfg.Missing, 30*time.Second)
	cfg.Grace = cmp.Or(cfg.Grace, 2*time.Second)
	cfg.Parallel = cmp.Or(cfg.Parallel, 16)
	if cfg.Observe == nil {
		cfg.Observe = func(string, string) {}
	}
	if cfg.Point == nil {
		cfg.Point = func(string) {}
	}
	return &Runner{cfg: cfg, node: workflow.NodeOf(cfg.Instance), began: cfg.Now(), pauses: map[effectKey]pause{}, busy: map[string]bool{}}, nil
}
