package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/duolog/duolog/domain"
)

// LogConfig says what is logged and how.
type LogConfig struct {
	// Level is debug, info, warn or error; info when empty.
	Level string
	// Format is text, json or auto: text to a terminal, JSON elsewhere. Auto
	// when empty.
	Format string
}

// NewLogger logs to w. Attributes that are named like a secret are redacted, and
// a warning that repeats is written every ten seconds. What a line's context is
// about stands on it.
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	level := slog.LevelInfo
	if cfg.Level != "" {
		if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
			return nil, domain.InvalidField("log_level", fmt.Sprintf("%q is no level", cfg.Level), "use debug, info, warn or error")
		}
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: Redact}
	text := cfg.Format == "text"
	switch cfg.Format {
	case "text", "json":
	case "", "auto":
		text = isTerminal(w)
	default:
		return nil, domain.InvalidField("log_format", fmt.Sprintf("%q is no format", cfg.Format), "use auto, text or json")
	}
	var h slog.Handler = slog.NewJSONHandler(w, options)
	if text {
		h = slog.NewTextHandler(w, options)
	}
	return slog.New(newOnce(NewContextual(h))), nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
