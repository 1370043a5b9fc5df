package workflow

import (
	"fmt"
	"time"

	"github.com/duolog/duolog/domain"
)

// MaxTTL bounds how long a thread may be told to be kept, in seconds: a hundred years.
const MaxTTL = 100 * 366 * 24 * 3600

// Retention is for how long a thread is kept after its last write.
type Retention struct {
	// TTL is in seconds; 0 is for ever.
	TTL int64 `json:"ttl_seconds"`
	// Strategy is what is left then.
	Strategy PruneStrategy `json:"strategy"`
}

// RetentionSet says for how long a thread is kept; without a retention, as its tenant
// says.
type RetentionSet struct {
	Retention *Retention `json:"retention,omitempty"`
}

// SetRetention says for how long a thread is kept.
type SetRetention struct {
	noFacts

	Retention *Retention `json:"retention,omitempty"`
}

// CommandType names the command.
func (*SetRetention) CommandType() string { return "workflow.set_retention" }

// Decide sets it, unless it is so already.
func (c *SetRetention) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if err := c.validate(); err != nil {
		return Outcome{}, err
	}
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	if err := s.mayManage(env); err != nil {
		return Outcome{}, err
	}
	before := s.ThreadNow().Retention
	if (before == nil) == (c.Retention == nil) && (before == nil || *before == *c.Retention) {
		return alreadySo()
	}
	return events(RetentionSet{Retention: clone(c.Retention)})
}

func (c *SetRetention) validate() error {
	switch r := c.Retention; {
	case r == nil:
		return nil
	case r.TTL < 0 || r.TTL > MaxTTL:
		return domain.InvalidField("ttl_seconds", fmt.Sprintf("ttl_seconds must be 0 to %d", MaxTTL), "send seconds, 0 for ever, or null for what the tenant says")
	default:
		return r.Strategy.validate()
	}
}

// ExpireThread removes of a thread what was kept long enough. It carries what the
// tenant says of threads that say nothing themselves.
type ExpireThread struct {
	onAll

	Tenant Retention `json:"tenant"`
}

// CommandType names the command.
func (*ExpireThread) CommandType() string { return "workflow.expire_thread" }

// Want asks for all there is.
func (*ExpireThread) Want(State, Env) Want { return Want{Tree: true} }

// Decide removes what the strategy does not leave, once the time has come. What a run
// is at work on is kept.
func (c *ExpireThread) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if !s.expires() || s.ActiveRun() != nil {
		return alreadySo()
	}
	keep := c.Tenant
	if own := s.Thread.Retention; own != nil {
		keep = *own
	}
	if keep.TTL <= 0 || env.Now.Before(s.UpdatedAt.Add(time.Duration(keep.TTL)*time.Second)) {
		return alreadySo()
	}
	out, err := s.prune(f, keep.Strategy, ReasonExpired)
	if err == nil && len(out.Events) == 0 {
		// Nothing is to be removed: it is written down, so that it is not asked for again.
		list, err := out.keys(f.Tree.latest())
		if err != nil {
			return Outcome{}, err
		}
		out.Events = []Event{ThreadPruned{Kept: list, Reason: ReasonExpired}}
	}
	return out, err
}

// expires says whether there is something in a thread that may be kept long enough.
func (s State) expires() bool { return s.Thread != nil && !s.Thread.Gone && !s.Thread.Expired }

// Expires says whether the workflow is a thread of which something may expire, and for
// how many seconds it is kept; nil where its tenant says that.
func (s State) Expires() (ok bool, ttl *int64) {
	if !s.expires() {
		return false, nil
	}
	if r := s.Thread.Retention; r != nil {
		return true, &r.TTL
	}
	return true, nil
}
