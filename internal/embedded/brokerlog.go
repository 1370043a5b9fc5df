package embedded

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerLogger passes the broker's own lines to slog. It keeps a context because kfake's logger
// interface has none.
type brokerLogger struct {
	ctx    context.Context
	logger *slog.Logger
}

// Logf implements kfake.Logger. What kfake calls info is a line per request: debug here.
func (l *brokerLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := brokerLevel(level)
	if !l.logger.Enabled(l.ctx, to) {
		return
	}
	l.logger.LogAttrs(l.ctx, to, "embedded broker", slog.String("detail", fmt.Sprintf(format, args...)))
}

func brokerLevel(level kfake.LogLevel) slog.Level {
	switch level {
	case kfake.LogLevelError:
		return slog.LevelError
	case kfake.LogLevelWarn:
		return slog.LevelWarn
	case kfake.LogLevelInfo:
		return slog.LevelDebug
	case kfake.LogLevelDebug, kfake.LogLevelNone:
		return slog.LevelDebug - 4
	default:
		return slog.LevelDebug - 4
	}
}
