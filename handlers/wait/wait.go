// Package wait holds the one way this code lets time pass.
package wait

import (
	"context"
	"time"
)

// For waits d and says that it did; false when ctx ended before.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
