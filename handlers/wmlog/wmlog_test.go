package wmlog_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/duolog/duolog/handlers/wmlog"
)

func TestErrorsArePassedOnWithTheirFields(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	logger := wmlog.New(slog.New(slog.NewTextHandler(&out, nil))).With(watermill.LogFields{"topic": "events"})
	logger.Error("cannot read", errors.New("no route"), watermill.LogFields{"partition": 3})
	for _, quiet := range []func(string, watermill.LogFields){logger.Info, logger.Debug, logger.Trace} {
		quiet("chatter", nil)
	}
	got := out.String()
	for _, want := range []string{"level=ERROR", `msg="cannot read"`, "topic=events", "partition=3", `error="no route"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if strings.Contains(got, "chatter") {
		t.Errorf("it talks: %s", got)
	}
}
