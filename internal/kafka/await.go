package kafka

import "context"

// await runs op, which knows no context but ends by itself within sarama's
// timeouts, and stops waiting when ctx ends. What op makes after that goes to
// abandon.
func await[T any](ctx context.Context, op func() (T, error), abandon func(T)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome)
	go func() {
		value, err := op()
		select {
		case done <- outcome{value, err}:
		case <-ctx.Done():
			if err == nil && abandon != nil {
				abandon(value)
			}
		}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}
