package inbox

import (
	"context"
	"time"

	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
)

// Dispatcher carries out commands. A *domain.Error is a refusal, code not_now
// among them.
type Dispatcher interface {
	Do(ctx context.Context, req dispatch.Request) (dispatch.Result, error)
}

const (
	// Hold is how long a message is held before it is given back to come again:
	// longer would keep its consumer group from moving partitions.
	Hold = 25 * time.Second
	// verdictTimeout bounds one try within it.
	verdictTimeout = 10 * time.Second
	firstPause     = 100 * time.Millisecond
	longestPause   = 3 * time.Second
)

// Insist sends a command until there is a verdict, or ctx ends. An error for
// which stored.Later holds means that there was none.
func Insist(ctx context.Context, d Dispatcher, req dispatch.Request) (dispatch.Result, error) {
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		result, err := once(ctx, d, req)
		if err == nil || !stored.Later(err) || !pause(ctx, wait) {
			return result, err
		}
	}
}

func once(ctx context.Context, d Dispatcher, req dispatch.Request) (dispatch.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, verdictTimeout)
	defer cancel()
	return d.Do(ctx, req)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
