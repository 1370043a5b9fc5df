package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/keystore"
	"github.com/duolog/duolog/internal/telemetry"
)

func newLogger(t *testing.T, cfg telemetry.LogConfig) (*slog.Logger, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	logger, err := telemetry.NewLogger(&out, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return logger, &out
}

func TestSecretsDoNotReachTheLog(t *testing.T) {
	t.Parallel()
	const text = "hunter2"
	header, shouted := http.CanonicalHeaderKey("authorization"), strings.ToUpper("password")
	address, err := url.Parse("postgres://u:" + text + "@h/d")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"text", "json"} {
		logger, out := newLogger(t, telemetry.LogConfig{Format: format})
		logger = logger.With(slog.String("run_token", text)).WithGroup("request")
		logger.LogAttrs(t.Context(), slog.LevelInfo, "message",
			slog.String("token", text), slog.String(header, "Bearer "+text), slog.String("client_secret", text),
			slog.String(shouted, text), slog.String("x_api_key", text), slog.Any("api_key", []byte(text)),
			slog.Group("token", slog.String("value", text)), slog.Group("a", slog.Group("b", slog.String("db_password", text))),
			slog.Any("shown", keystore.Secret(text)), slog.Any("list", []keystore.Secret{text}),
			slog.Any("header", http.Header{"Authorization": {text}, "Private-Token": {text}, "Accept": {"all"}}),
			slog.Any("env", map[string]string{"DUO_WORKFLOW_TOKEN": text, "HOME": "/home"}),
			slog.Any("map", map[string]any{"secret": text}), slog.Any("database", address),
			slog.Any("http", &http.Request{Method: "GET", URL: &url.URL{Path: "/x", RawQuery: "token=" + text}}),
			slog.Int("total_tokens", 12), slog.String("user", "mia"),
		)
		if strings.Contains(out.String(), text) {
			t.Errorf("%s: a secret shows:\n%s", format, out)
		}
		for _, kept := range []string{"12", "mia", "all", "/home", "GET /x", "postgres://u:xxxxx@h/d"} {
			if !strings.Contains(out.String(), kept) {
				t.Errorf("%s: %s is gone:\n%s", format, kept, out)
			}
		}
	}
}

func TestLevelAndFormat(t *testing.T) {
	t.Parallel()
	logger, out := newLogger(t, telemetry.LogConfig{Level: "warn"})
	logger.LogAttrs(t.Context(), slog.LevelInfo, "not this")
	logger.LogAttrs(t.Context(), slog.LevelWarn, "this")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["msg"] != "this" {
		t.Errorf("a buffer is no terminal: %s, %v", out, err)
	}
	for field, cfg := range map[string]telemetry.LogConfig{"log_level": {Level: "loud"}, "log_format": {Format: "xml"}} {
		_, err := telemetry.NewLogger(&bytes.Buffer{}, cfg)
		if e, ok := errors.AsType[*domain.Error](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	t.Parallel()
	p := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	logger, err := telemetry.NewLogger(f, telemetry.LogConfig{})
	if err != nil {
		t.Fatal(err)
	}
	logger.LogAttrs(t.Context(), slog.LevelInfo, "m")
	if data, err := os.ReadFile(p); err != nil || !json.Valid(data) {
		t.Errorf("%s, %v", data, err)
	}
}
