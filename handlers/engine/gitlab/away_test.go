package gitlab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
)

// TestGitLabAwayStartsOnce: an instance that is rate-limited, broken, slow or answers
// nonsense refuses no run; the same run started again is one pipeline.
func TestGitLabAwayStartsOnce(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]map[string]any{
		"rate-limited":             {"kind": "status", "status": 429, "retry_after": 1},
		"broken":                   {"kind": "status", "status": 502},
		"slow":                     {"kind": "slow", "delay_ms": 60_000},
		"nonsense":                 {"kind": "nonsense"},
		"done, and not said so":    {"kind": "timeout_after_success", "method": "POST"},
		"the pipeline not said":    {"kind": "timeout_after_success", "method": "POST", "path": "*/pipeline"},
		"no commit for the moment": {"kind": "status", "status": 503, "method": "POST", "path": "*/commits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, 0, "true"), order()
			rule["times"] = 1
			if rule["path"] == nil {
				rule["path"] = "/api/*"
			}
			r.fails(rule)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := r.Start(ctx, s)
			if code := domain.CodeOf(err); err != nil && code != domain.CodeNotNow && code != domain.CodeInternal {
				t.Errorf("it refuses the run: %v", err)
			}
			r.start(s)
			if n := len(r.pipelines(s)); n != 1 {
				t.Errorf("there are %d pipelines", n)
			}
		})
	}
}

// TestTokenThatGitLabRefuses is a refusal that says what to do: nothing was started.
func TestTokenThatGitLabRefuses(t *testing.T) {
	t.Parallel()
	r, s := newRig(t, 0, "true"), order()
	r.fails(map[string]any{"kind": "status", "status": 401, "path": "/api/*", "times": 1})
	_, err := r.Start(t.Context(), s)
	if e, ok := errors.AsType[*domain.Error](err); !ok || e.Code != domain.CodeForbidden || !strings.Contains(e.Fix, "token") {
		t.Errorf("%v", err)
	}
	if n := len(r.pipelines(s)); n != 0 {
		t.Errorf("there are %d pipelines", n)
	}
}

// fails makes requests fail in one way.
func (r *rig) fails(rule map[string]any) {
	r.t.Helper()
	body, err := json.Marshal(rule)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := http.Post(r.url+"/_fake/faults", "application/json", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		r.t.Fatalf("the fault is refused: %d", answer.StatusCode)
	}
}
