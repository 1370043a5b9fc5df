package telemetry_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/telemetry"
)

func TestRepeatedWarningsAreLeftOut(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := telemetry.NewLogger(&out, telemetry.LogConfig{Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		logger.WarnContext(t.Context(), "the database is away", slog.Int("partition", 1))
		logger.With(slog.String("a", "b")).WarnContext(t.Context(), "the database is away")
		logger.ErrorContext(t.Context(), "an error")
	}
	if n := strings.Count(out.String(), "the database is away"); n != 1 {
		t.Errorf("the warning was written %d times:\n%s", n, &out)
	}
	if n := strings.Count(out.String(), "an error"); n != 5 {
		t.Errorf("the error was written %d times", n)
	}
}
