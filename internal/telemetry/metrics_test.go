package telemetry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// used is a node's metrics after each has been told something.
func used() (*telemetry.Metrics, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	m := telemetry.New(registry, "v1")
	m.Append.Observe(2, 3*time.Millisecond, nil)
	m.Append.Observe(1, time.Second, errors.New("not enough replicas"))
	m.Verdicts.Observe("workflow.start", "accepted")
	m.Verdicts.Observe("workflow.start", "stale_run")
	m.Projection.Observe(3, 10, map[string]int{"stale_parent": 1}, 4*time.Millisecond)
	m.Projection.Lag(func() map[int32]int64 { return map[int32]int64{0: 0, 3: 7} })
	m.Relay.Observe(3, 4)
	m.Relay.Lag(func() map[int32]int64 { return map[int32]int64{3: 2} })
	m.Dispatch.QueueDepth(func() float64 { return 5 })
	m.HTTP.Observe("POST /api/v4/ai/duo_workflows/workflows", "POST", 201, 20*time.Millisecond)
	m.HTTP.Observe("", "BREW", 404, time.Millisecond)
	m.HTTP.Streams(func() int64 { return 6 })
	m.Quota.Refused("acme")
	m.Effects.Observe("run", "done")
	m.Sagas.Observe("trigger", "ok")
	for _, outcome := range []string{"ok", "again", "invalid_body"} {
		m.Commands.Observe(outcome)
	}
	m.Log.Unsafe(func() bool { return true })
	m.Log.GroupLag(func() map[string]int64 { return map[string]int64{"inbox": 8} })
	m.Database.Pools(func() map[string]telemetry.Pool {
		return map[string]telemetry.Pool{"read": {InUse: 1, Idle: 2, Most: 9, Waited: 0.5}}
	})
	return m, registry
}

func TestNamesHelpAndUnits(t *testing.T) {
	t.Parallel()
	_, registry := used()
	found, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range found {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

func TestWhatIsToldIsCounted(t *testing.T) {
	t.Parallel()
	m, _ := used()
	body := scrape(t, m, nil)
	for _, line := range []string{
		`duolog_build_info{go_version="` + runtime.Version() + `",version="v1"} 1`,
		`duolog_commands_handled_total{outcome="again"} 1`,
		`duolog_commands_handled_total{outcome="ok"} 1`,
		`duolog_commands_handled_total{outcome="refused"} 1`,
		`duolog_commands_refused_total{code="invalid_body"} 1`,
		`duolog_consumer_group_lag_records{group="inbox"} 8`,
		`duolog_database_connections{pool="read",state="idle"} 2`,
		`duolog_database_connections{pool="read",state="in_use"} 1`,
		`duolog_database_connections{pool="read",state="most"} 9`,
		`duolog_database_wait_seconds_total{pool="read"} 0.5`,
		`duolog_dispatch_queue_depth 5`,
		`duolog_effects_total{kind="run",outcome="done"} 1`,
		`duolog_http_request_duration_seconds_count{method="other",route="none"} 1`,
		`duolog_http_requests_total{method="POST",route="POST /api/v4/ai/duo_workflows/workflows",status="201"} 1`,
		`duolog_http_requests_total{method="other",route="none",status="404"} 1`,
		`duolog_http_streams 6`,
		`duolog_journal_append_duration_seconds_count 2`,
		`duolog_journal_append_errors_total 1`,
		`duolog_journal_append_records_total 2`,
		`duolog_journal_unsafe 1`,
		`duolog_projection_batch_duration_seconds_count 1`,
		`duolog_projection_ignored_total{partition="3",reason="stale_parent"} 1`,
		`duolog_projection_lag_records{partition="0"} 0`,
		`duolog_projection_lag_records{partition="3"} 7`,
		`duolog_projection_records_total{partition="3"} 10`,
		`duolog_quota_refusals_total{tenant="acme"} 1`,
		`duolog_relay_events_total{partition="3"} 4`,
		`duolog_relay_lag_records{partition="3"} 2`,
		`duolog_sagas_handled_total{outcome="ok",saga="trigger"} 1`,
		`duolog_verdicts_total{command="workflow.start",outcome="accepted"} 1`,
		`duolog_verdicts_total{command="workflow.start",outcome="stale_run"} 1`,
	} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

// TestEachMetricIsDefined: the definitions, which the page and the checks of
// dashboard and alerts stand on, are those that a scrape shows.
func TestEachMetricIsDefined(t *testing.T) {
	t.Parallel()
	m, _ := used()
	body := scrape(t, m, some)
	defined := map[string]bool{}
	for _, d := range telemetry.Definitions() {
		defined[d.Name] = true
		if !strings.Contains(body, "# TYPE "+d.Name+" "+d.Kind+"\n") {
			t.Errorf("a scrape shows no %s %s", d.Kind, d.Name)
		}
		for _, label := range d.Labels {
			if !regexp.MustCompile(d.Name + `\w*\{[^}]*\b` + label + `="`).MatchString(body) {
				t.Errorf("%s has no label %s", d.Name, label)
			}
		}
	}
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (duolog_\w+)`).FindAllStringSubmatch(body, -1) {
		if !defined[found[1]] {
			t.Errorf("%s is not defined", found[1])
		}
	}
}

// some are the figures of a database that answers.
func some(context.Context) (telemetry.Figures, error) {
	return telemetry.Figures{
		Workflows: map[string]int64{"running": 2, "finished": 40}, Stopped: 3, Unowned: 1,
		Owed: map[string]telemetry.Owed{"deliver": {Count: 4, Overdue: 12.5}},
	}, nil
}

func scrape(t *testing.T, m *telemetry.Metrics, read telemetry.FigureReader) string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	m.Handler(read, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d, %v: %s", w.Code, err, body)
	}
	return string(body)
}

func TestTheDatabaseIsReadAtTheScrape(t *testing.T) {
	t.Parallel()
	m, _ := used()
	body := scrape(t, m, some)
	for _, line := range []string{
		`duolog_workflows{status="running"} 2`, `duolog_workflows{status="finished"} 40`, `duolog_database_read 1`, `duolog_streams_stopped 3`,
		`duolog_partitions_unowned 1`, `duolog_intents{kind="deliver"} 4`, `duolog_intents_overdue_seconds{kind="deliver"} 12.5`, "go_goroutines",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no %s in:\n%s", line, body)
		}
	}
}

func TestADatabaseThatDoesNotAnswerHidesNothingElse(t *testing.T) {
	t.Parallel()
	m, _ := used()
	body := scrape(t, m, func(ctx context.Context) (telemetry.Figures, error) {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Second {
			t.Error("the look has no deadline")
		}
		<-ctx.Done()
		return telemetry.Figures{}, ctx.Err()
	})
	if strings.Contains(body, "duolog_workflows") || !strings.Contains(body, "duolog_database_read 0") || !strings.Contains(body, "duolog_verdicts_total") {
		t.Errorf("got:\n%s", body)
	}
	if body := scrape(t, m, nil); strings.Contains(body, "duolog_database_read") || !strings.Contains(body, "duolog_verdicts_total") {
		t.Errorf("without a database:\n%s", body)
	}
}
