package workflow

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// Env is what surrounds a command: everything Decide may use that is neither
// state nor fact.
type Env struct {
	// CommandID names the command; new ids derive from it.
	CommandID uuid.UUID
	// Workflow is the stream's id.
	Workflow uuid.UUID
	// Now is max(clock, time of the head).
	Now       time.Time
	Principal domain.Principal
	// AllowRunless lets clients without a run write state: a policy of the tenant.
	AllowRunless bool
	// FenceWriters lets one writer at a time write to a thread: a policy of the tenant.
	FenceWriters bool
}

// derive makes an id that deciding again makes again.
func (e Env) derive(name string) uuid.UUID { return uuid.NewSHA1(e.CommandID, []byte(name)) }

// Outcome is what a command comes to. No events means that it was so already.
type Outcome struct {
	Events []Event
	// Blobs are the new bytes the events name.
	Blobs []value.Blob
	// Item is the index of the event that names what the command made.
	Item int
	// Existing is the number of what was there already; 0 when it is new.
	Existing int64
	// Count is how many things the command has removed.
	Count int
	// Needs is what has to be looked up before this can be decided; nothing else of
	// the outcome counts then.
	Needs []ChannelAt
	// Versions are those in the headers of the checkpoints among the events.
	Versions map[CheckpointKey]Versions
	// Gone are bytes that the events name and that are nowhere any more.
	Gone []value.Address
	// Replayed says that the events happened elsewhere and are not followed by the
	// facts: who decides next looks them up.
	Replayed bool
}

// Command is a request to change one workflow.
type Command interface {
	// CommandType is the stable name of the type, without its version.
	CommandType() string
	// Want says which facts Decide needs, given the state.
	Want(s State, env Env) Want
	// Decide is pure. Its error is a *domain.Error: the refusal.
	Decide(s State, f *Facts, env Env) (Outcome, error)
}

// noFacts is embedded by commands that decide from the state alone.
type noFacts struct{}

// Want asks for nothing.
func (noFacts) Want(State, Env) Want { return Want{} }

// Wholesale is a command that is decided on all that a workflow has, and so before any
// other of its batch.
type Wholesale interface{ wholesale() }

// onAll is embedded by them.
type onAll struct{}

func (onAll) wholesale() {}

// events is the outcome of a command that makes no bytes.
func events(e ...Event) (Outcome, error) { return Outcome{Events: e}, nil }

// alreadySo is the outcome of a command whose effect is there.
func alreadySo() (Outcome, error) { return Outcome{}, nil }

func notFound() error {
	return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow", Fix: "check the id; duolog workflow list shows yours"}
}

// runless refuses a client without a run.
func runless() error {
	return &domain.Error{
		Code: domain.CodeForbidden, Message: "only a run of this workflow may write its state here",
		Fix: "use the run's token, or set allow_runless of the tenant to let clients without a run write",
	}
}

// mayManage refuses what a run that was replaced asks to be done with the state of
// its workflow; people may always ask.
func (s State) mayManage(env Env) error {
	env.AllowRunless = true
	return s.mayWriteState(env)
}

// mayWriteState refuses what a run that is no longer the workflow's own sends:
// it would overwrite the state of the run that replaced it.
func (s State) mayWriteState(env Env) error {
	if !s.Exists() {
		return notFound()
	}
	switch run := env.Principal.Run; {
	case run == nil && env.AllowRunless:
		return nil
	case run == nil:
		return runless()
	case s.Run != nil && run.Epoch < s.Epoch:
		return &domain.Error{
			Code: domain.CodeStaleRun, Message: "this run was replaced by a newer one of the same workflow; its state is not taken",
			Fix: "stop this agent: run " + s.Run.ID.String() + " has taken over",
		}
	}
	return nil
}

func epochOf(p domain.Principal) int {
	if p.Run == nil {
		return 0
	}
	return p.Run.Epoch
}
