package effects

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/intents"
)

// effectKey names one effect.
type effectKey struct {
	kind workflow.IntentKind
	id   uuid.UUID
}

func keyOf(in intents.Intent) effectKey { return effectKey{in.Kind, in.ID} }

// pause is how often an effect failed in this process, and until when it rests.
// It is not in the log: forgetting it costs one more try.
type pause struct {
	failures int
	until    time.Time
}

const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	// leftPause is that of an effect only a person can repeat.
	leftPause = time.Hour
	// pausesKept is from when on pauses that are over are swept.
	pausesKept = 1024
)

func (r *Runner) pausedUntil(k effectKey) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pauses[k].until
}

// failed makes the next try wait: longer each time.
func (r *Runner) failed(k effectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pauses[k]
	wait := min(firstPause<<min(p.failures, 10), longestPause)
	r.put(k, pause{p.failures + 1, r.cfg.Now().Add(wait)})
}

// left puts an effect aside.
func (r *Runner) left(k effectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(k, pause{0, r.cfg.Now().Add(leftPause)})
}

func (r *Runner) succeeded(k effectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pauses, k)
}

func (r *Runner) put(k effectKey, p pause) {
	if len(r.pauses) >= pausesKept {
		now := r.cfg.Now()
		for old, was := range r.pauses {
			if was.until.Add(time.Minute).Before(now) {
				delete(r.pauses, old)
			}
		}
	}
	r.pauses[k] = p
}

const longestStop = 5 * time.Minute

// patience is how long an open attempt is given before it is made again. Only a
// stop needs any: its outcome is the workload's end, and agents take their time.
func patience(in intents.Intent) time.Duration {
	if in.Kind != workflow.IntentStop {
		return 0
	}
	return min(10*time.Second<<min(max(in.Attempt-1, 0), 10), longestStop)
}
