// Package observability_test holds the dashboard and the alert rules to the
// metrics that a node has.
package observability_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/duolog/duolog/internal/telemetry"
)

// rules is the file of alerts as far as it is looked at here; promtool looks at
// the rest.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Expr        string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

type dashboard struct {
	Panels     []panel
	Templating struct {
		List []struct{ Name string }
	}
}

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ Expr, LegendFormat string }
}

func readAlerts(t *testing.T) rules {
	t.Helper()
	var r rules
	raw, err := os.ReadFile("alerts.yaml")
	if err == nil {
		err = yaml.Unmarshal(raw, &r)
	}
	if err != nil || len(r.Groups) == 0 {
		t.Fatalf("alerts.yaml: %v", err)
	}
	return r
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	raw, err := os.ReadFile("dashboard.json")
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil || len(d.Panels) == 0 {
		t.Fatalf("dashboard.json: %v", err)
	}
	return d
}

// checkNames says that each metric of an expression is one that a node has, and
// each label one that the metric has.
func checkNames(t *testing.T, where, expr string) {
	t.Helper()
	known := map[string]telemetry.Definition{}
	for _, d := range telemetry.Definitions() {
		known[d.Name] = d
		if d.Kind == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				known[d.Name+part] = d
			}
		}
	}
	labels := []string{"instance", "le"}
	named := regexp.MustCompile(`\bduolog_\w+`).FindAllString(expr, -1)
	for _, name := range named {
		d, there := known[name]
		if !there {
			t.Errorf("%s: a node has no metric %s", where, name)
		}
		labels = append(labels, d.Labels...)
	}
	if len(named) == 0 {
		t.Errorf("%s: %s asks for nothing of Duolog", where, expr)
	}
	for _, used := range regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"|(?:by|on|without)\s*\(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for name := range strings.SplitSeq(used[1]+used[2], ",") {
			if name = strings.TrimSpace(name); !slices.Contains(labels, name) {
				t.Errorf("%s: the metrics of %s have no label %q", where, expr, name)
			}
		}
	}
}

func TestAlertsAskForMetricsThatAreThere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range readAlerts(t).Groups {
		for _, r := range group.Rules {
			checkNames(t, r.Alert, r.Expr)
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
				t.Errorf("%s lacks summary, description or severity", r.Alert)
			}
			if !strings.Contains(string(page), "`"+r.Alert+"`") {
				t.Errorf("docs/observability.md does not explain %s", r.Alert)
			}
		}
	}
}

func TestTheDashboardAsksForMetricsThatAreThere(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	shown := ""
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if p.Title == "" || ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q has no title, another's id, or no place", p.ID, p.Title)
		}
		ids[p.ID] = true
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			checkNames(t, p.Title, target.Expr)
			shown += target.Expr + "\n"
		}
	}
	for _, metric := range telemetry.Definitions() {
		if !strings.Contains(shown, metric.Name) {
			t.Errorf("the dashboard does not show %s", metric.Name)
		}
	}
}

// TestPromtool lets Prometheus itself read the rules, the unit tests of the rules
// and every query of the dashboard.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("promtool is missing: apt-get install prometheus")
		}
		t.Skip("without promtool (apt-get install prometheus) only the names of metrics are checked")
	}
	queries := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(queries, asRules(t, readDashboard(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}, {"check", "rules", queries}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// asRules makes a recording rule of each query, with Grafana's variables as they
// might be.
func asRules(t *testing.T, d dashboard) []byte {
	t.Helper()
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var all []rule
	for _, p := range d.Panels {
		for i, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$instance", "a|b").Replace(target.Expr)
			all = append(all, rule{fmt.Sprintf("panel:%d:%d", p.ID, i), expr})
		}
	}
	out, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": all}}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
