package telemetry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	m := telemetry.New(registry)
	m.Append.Observe(2, 3*time.Millisecond, nil)
	m.Append.Observe(1, time.Second, errors.New("not enough replicas"))
	m.Verdicts.Observe("accepted")
	m.Verdicts.Observe("stale_run")
	m.Projection.Observe(3, 10, 1, 4*time.Millisecond)
	m.Projection.Lag(func() map[int32]int64 { return map[int32]int64{0: 0, 3: 7} })
	m.Dispatch.QueueDepth(func() float64 { return 5 })
	m.HTTP.Observe("POST /api/v4/ai/duo_workflows/workflows", "POST", 201, 20*time.Millisecond)
	m.HTTP.Observe("", "BREW", 404, time.Millisecond)
	m.Effects.Observe("run", "done")
	m.Sagas.Observe("trigger", "handled")
	m.Commands.Refused("invalid_body")
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
	_, registry := used()
	want := `
# HELP duolog_commands_refused_total Commands of the inbox that were moved to the topic of refused ones, by code.
# TYPE duolog_commands_refused_total counter
duolog_commands_refused_total{code="invalid_body"} 1
# HELP duolog_dispatch_queue_depth Commands that wait in this node to be decided.
# TYPE duolog_dispatch_queue_depth gauge
duolog_dispatch_queue_depth 5
# HELP duolog_effects_total Attempts of effects, by kind and outcome.
# TYPE duolog_effects_total counter
duolog_effects_total{kind="run",outcome="done"} 1
# HELP duolog_http_requests_total Requests that were answered, by route pattern, method and status.
# TYPE duolog_http_requests_total counter
duolog_http_requests_total{method="POST",route="POST /api/v4/ai/duo_workflows/workflows",status="201"} 1
duolog_http_requests_total{method="other",route="none",status="404"} 1
# HELP duolog_journal_append_errors_total Appends that failed or whose outcome is unknown; each is appended again.
# TYPE duolog_journal_append_errors_total counter
duolog_journal_append_errors_total 1
# HELP duolog_journal_append_records_total Records that the brokers acknowledged.
# TYPE duolog_journal_append_records_total counter
duolog_journal_append_records_total 2
# HELP duolog_projection_ignored_total Projected records that admission ignored, by partition; the table of verdicts has the reasons.
# TYPE duolog_projection_ignored_total counter
duolog_projection_ignored_total{partition="3"} 1
# HELP duolog_projection_lag_records Records at the end of the journal that are not projected yet, by partition; only of partitions this node owns.
# TYPE duolog_projection_lag_records gauge
duolog_projection_lag_records{partition="0"} 0
duolog_projection_lag_records{partition="3"} 7
# HELP duolog_projection_records_total Records of the journal that were projected, by partition.
# TYPE duolog_projection_records_total counter
duolog_projection_records_total{partition="3"} 10
# HELP duolog_sagas_handled_total Published events that a saga handled, by saga and outcome.
# TYPE duolog_sagas_handled_total counter
duolog_sagas_handled_total{outcome="handled",saga="trigger"} 1
# HELP duolog_verdicts_total Commands that the dispatcher answered, by outcome: accepted, already so, or the code of the refusal.
# TYPE duolog_verdicts_total counter
duolog_verdicts_total{outcome="accepted"} 1
duolog_verdicts_total{outcome="stale_run"} 1
`
	names := []string{
		"duolog_commands_refused_total", "duolog_dispatch_queue_depth", "duolog_effects_total", "duolog_http_requests_total",
		"duolog_journal_append_errors_total", "duolog_journal_append_records_total", "duolog_projection_ignored_total",
		"duolog_projection_lag_records", "duolog_projection_records_total", "duolog_sagas_handled_total", "duolog_verdicts_total",
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	for _, name := range []string{
		"duolog_journal_append_duration_seconds", "duolog_projection_batch_duration_seconds", "duolog_http_request_duration_seconds",
	} {
		if n, err := testutil.GatherAndCount(registry, name); err != nil || n == 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// counter is a WorkflowCounter as a function.
type counter func(ctx context.Context) (map[string]int64, error)

func (c counter) CountWorkflows(ctx context.Context) (map[string]int64, error) { return c(ctx) }

func scrape(t *testing.T, m *telemetry.Metrics, c telemetry.WorkflowCounter) string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	m.Handler(c, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d, %v: %s", w.Code, err, body)
	}
	return string(body)
}

func TestWorkflowsAreCountedAtTheScrape(t *testing.T) {
	t.Parallel()
	m, _ := used()
	body := scrape(t, m, counter(func(context.Context) (map[string]int64, error) {
		return map[string]int64{"running": 2, "finished": 40}, nil
	}))
	for _, line := range []string{
		`duolog_workflows{status="running"} 2`, `duolog_workflows{status="finished"} 40`, `duolog_workflows_counted 1`,
		`duolog_dispatch_queue_depth 5`, "go_goroutines",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no %s in:\n%s", line, body)
		}
	}
}

func TestADatabaseThatDoesNotAnswerHidesNothingElse(t *testing.T) {
	t.Parallel()
	m, _ := used()
	body := scrape(t, m, counter(func(ctx context.Context) (map[string]int64, error) {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Second {
			t.Error("the count has no deadline")
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	if strings.Contains(body, "duolog_workflows{") || !strings.Contains(body, "duolog_workflows_counted 0") || !strings.Contains(body, "duolog_verdicts_total") {
		t.Errorf("got:\n%s", body)
	}
	if body := scrape(t, m, nil); strings.Contains(body, "duolog_workflows") || !strings.Contains(body, "duolog_verdicts_total") {
		t.Errorf("without a counter:\n%s", body)
	}
}
