package inbox

import (
	"context"
	"time"

	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/wait"
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
	for delay := firstPause; ; delay = min(2*delay, longestPause) {
		result, err := once(ctx, d, req)
		if err == nil || !stored.Later(err) || !wait.For(ctx, delay) {
			return result, err
		}
	}
}

func once(ctx context.Context, d Dispatcher, req dispatch.Request) (dispatch.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, verdictTimeout)
	defer cancel()
	return d.Do(ctx, req)
}
