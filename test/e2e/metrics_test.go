package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/telemetry"
)

// theMetrics looks at a scrape after one job: names, units and help are as
// Prometheus wants them, each metric is one that is documented, and what is
// behind by nothing says so.
func (d *dev) theMetrics() {
	d.tb.Helper()
	body := d.scrape()
	found, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		d.tb.Fatal(err)
	}
	for _, problem := range found {
		d.tb.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	defined := map[string]bool{}
	for _, definition := range telemetry.Definitions() {
		defined[definition.Name] = true
	}
	for _, name := range regexp.MustCompile(`(?m)^# TYPE (duolog_\w+)`).FindAllStringSubmatch(body, -1) {
		if !defined[name[1]] {
			d.tb.Errorf("%s is not defined", name[1])
		}
	}
	fleettest.Eventually(d.tb, 10*time.Second, func() error { return afterOneJob(d.scrape()) }) // groups acknowledge now and then
}

func (d *dev) scrape() string {
	d.tb.Helper()
	res, err := http.Get("http://" + d.api + "/metrics")
	if err != nil {
		d.tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		d.tb.Fatalf("scrape: %d %v", res.StatusCode, err)
	}
	return string(body)
}

// afterOneJob is what the metrics of a node with nothing to do say.
func afterOneJob(body string) error {
	var wrong []error
	for series, want := range map[string]float64{
		`duolog_projection_lag_records{partition="\d+"}`:                     0,
		`duolog_relay_lag_records{partition="\d+"}`:                          0,
		`duolog_consumer_group_lag_records{group="inbox"}`:                   0,
		`duolog_intents_overdue_seconds{kind="deliver"}`:                     0,
		`duolog_effects_total{kind="deliver",outcome="done"}`:                1,
		`duolog_verdicts_total{command="workflow.start",outcome="accepted"}`: 1,
		`duolog_database_read`:                                               1,
		`duolog_partitions_unowned`:                                          0,
		`duolog_streams_stopped`:                                             0,
		`duolog_journal_unsafe`:                                              0,
		`duolog_workflows{status="finished"}`:                                1,
	} {
		shown := regexp.MustCompile(`(?m)^`+series+` (\S+)$`).FindAllStringSubmatch(body, -1)
		if len(shown) == 0 {
			wrong = append(wrong, errors.New("no series "+series))
		}
		for _, s := range shown {
			if got, err := strconv.ParseFloat(s[1], 64); err != nil || got != want {
				wrong = append(wrong, fmt.Errorf("%s, want %v", s[0], want))
			}
		}
	}
	return errors.Join(wrong...)
}
