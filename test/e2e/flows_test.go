package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/internal/fleettest"
)

// flowRow is a row of the table of the requirements: who asks for which flow, and what
// the workflow records and its runs are given.
type flowRow struct {
	name, tenant, flow string
	body               map[string]any
	want               map[string]string
}

const flowConfig = `{"version":"v1","components":[{"name":"ask"}]}`

func flowRows() []flowRow {
	values := func(definition, id, schema, version string) map[string]string {
		out := map[string]string{"DUO_WORKFLOW_DEFINITION": definition}
		for name, value := range map[string]string{"FLOW_CONFIG_ID": id, "FLOW_CONFIG_SCHEMA_VERSION": schema, "FLOW_VERSION": version} {
			if value != "" {
				out["DUO_WORKFLOW_"+name] = value
			}
		}
		return out
	}
	inline := values("ai_catalog_agent", "", "v1", "")
	inline["DUO_WORKFLOW_FLOW_CONFIG"] = flowConfig
	return []flowRow{
		{"F1", "acme", "developer/v1", nil, values("developer/v1", "developer", "v1", "2.0.0")},
		{"F1 by constraint", "acme", "developer/v1", map[string]any{"flow_version": "^2.0.0"}, values("developer/v1", "developer", "v1", "2.0.0")},
		{"F2", "flagged", "developer/v1", nil, values("developer_unstable/experimental", "developer_unstable", "experimental", "1.0.0")},
		{"F3", "acme", "fix_pipeline/v1", nil, values("fix_pipeline/v1", "fix_pipeline", "v1", "1.0.0")},
		{"F4", "flagged", "fix_pipeline/v1", nil, values("fix_pipeline_next/v1", "fix_pipeline_next", "v1", "1.0.0")},
		{"F5", "acme", "code_review/v1", nil, values("code_review/v1", "code_review", "v1", "1.0.0")},
		{"F6", "acme", "ai_catalog_agent", map[string]any{"flow_config": json.RawMessage(flowConfig), "flow_config_schema_version": "v1"}, inline},
		{"F7", "acme", "software_development", nil, values("software_development", "", "", "")},
	}
}

// TestFlowsF1ToF9: each row over each entry point: what the first event records, and what
// the run is given. Then the flags flip and the tenants say other versions, the process
// is started anew, and a further run of each is given the same (F8). A variable without a
// value is not set, and DUO_WORKFLOW_DEFINITION always is (F9).
func TestFlowsF1ToF9(t *testing.T) {
	t.Parallel()
	s := newFlowStand(t)
	s.configure("", "duo_developer_next_unstable, fix_pipeline_next", "{definition: developer/v1}")
	s.dev.start()
	s.explains()
	for _, row := range flowRows() {
		s.overHTTP(row)
		s.overTheTopic(row)
		if row.body == nil {
			s.byMessage(row)
		}
	}
	for _, w := range s.begun {
		s.recorded(w)
		s.given(w, 1)
	}
	s.dev.stop()
	s.configure("duo_developer_next_unstable, fix_pipeline_next", "", "{definition: developer/v1, config_id: developer, schema_version: v1, version: 3.0.0}")
	s.dev.start()
	for _, w := range s.begun {
		s.again(w)
	}
	for _, w := range s.begun {
		s.recorded(w)
		s.given(w, 2)
	}
}

// flowStand is a duolog dev whose agent writes down what it was given.
type flowStand struct {
	t     *testing.T
	dev   *dev
	out   string
	begun []begunFlow
	users map[string]*fleettest.User
}

// begunFlow is a workflow that was begun by one row over one entry point.
type begunFlow struct {
	flowRow

	goal string
}

func newFlowStand(t *testing.T) *flowStand {
	t.Helper()
	d := newDev(t, 0)
	s := &flowStand{t: t, dev: d, out: filepath.Join(d.dir, "given"), users: map[string]*fleettest.User{}}
	fleettest.OK(t, os.Mkdir(s.out, 0o700))
	script := fleettest.Write(t, "f="+s.out+"/$DUO_WORKFLOW_WORKFLOW_ID.$$\nenv >$f.part && mv $f.part $f\n", d.dir, "agent-env.sh")
	d.flags = []string{"--config", filepath.Join(d.dir, "duolog.yaml"), "--engine-program", "/bin/sh " + script}
	for _, tenant := range []string{"acme", "flagged"} {
		file := fleettest.Write(t, "token-of-mia-at-"+tenant+"\n", d.dir, tenant+".token")
		fleettest.OK(t, os.Chmod(file, 0o600))
		s.users[tenant] = fleettest.NewUser(t, "http://"+d.api, "token-of-mia-at-"+tenant)
	}
	return s
}

// configure writes the file: the flags of both tenants, and their own flow.
func (s *flowStand) configure(acme, flagged, own string) {
	s.t.Helper()
	var b strings.Builder
	b.WriteString("tenants:\n")
	for _, tenant := range [][2]string{{"acme", acme}, {"flagged", flagged}} {
		fmt.Fprintf(&b, `  - name: %[1]s
    namespace: {path: %[1]s, id: 1}
    project: {path: %[1]s/duo-workspace, id: 2}
    flow: %[3]s
    flows: [developer/v1, fix_pipeline/v1, code_review/v1, ai_catalog_agent, software_development]
    flags: [%[2]s]
    service_account: duo-developer
    default_user: mia
`, tenant[0], tenant[1], own)
	}
	b.WriteString("tokens:\n")
	for _, tenant := range []string{"acme", "flagged"} {
		fmt.Fprintf(&b, "  - {tenant: %s, user: mia, token_file: %s}\n", tenant, filepath.Join(s.dev.dir, tenant+".token"))
	}
	fleettest.Write(s.t, b.String(), s.dev.dir, "duolog.yaml")
}

// explains asks the tool what a flow resolves to, and why.
func (s *flowStand) explains() {
	s.t.Helper()
	for tenant, want := range map[string][]string{
		"acme":    {"developer/v1", "2.0.0", "duo_developer_next_unstable is off", "the highest version that ^2.0.0 allows"},
		"flagged": {"developer_unstable/experimental", "1.0.0", "duo_developer_next_unstable is on"},
	} {
		constraint := map[string]string{"acme": "^2.0.0", "flagged": "*"}[tenant]
		env := []string{"DUOLOG_URL=" + s.users[tenant].Base, "DUOLOG_TOKEN=" + s.users[tenant].Token}
		r := fleettest.Command(s.t, s.dev.dir, env, "flow", "resolve", "developer/v1", "--flow-version", constraint, "--project", tenant+"/duo-workspace", "--explain")
		for _, part := range want {
			if r.Code != 0 || !strings.Contains(r.Out, part) {
				s.t.Errorf("%s is not told %q: exit code %d\n%s%s", tenant, part, r.Code, r.Out, r.Err)
			}
		}
		for _, words := range [][]string{{"flow", "list"}, {"flow", "show", "developer/v1"}} {
			if r := fleettest.Command(s.t, s.dev.dir, env, words...); r.Code != 0 || !strings.Contains(r.Out, "developer/v1") {
				s.t.Errorf("%v: exit code %d\n%s%s", words, r.Code, r.Out, r.Err)
			}
		}
	}
}

// asks is what the row asks for, with a goal of its own.
func (s *flowStand) asks(row flowRow, entry string) (goal string, body map[string]any) {
	goal = row.name + " by " + entry
	body = map[string]any{"goal": goal, "workflow_definition": row.flow, "start_workflow": true}
	maps.Copy(body, row.body)
	s.begun = append(s.begun, begunFlow{row, goal})
	return goal, body
}

func (s *flowStand) overHTTP(row flowRow) {
	s.t.Helper()
	_, body := s.asks(row, "HTTP")
	status, answer, err := s.users[row.tenant].Insist(s.t.Context(), http.MethodPost, "/workflows", body)
	if err != nil || status != http.StatusCreated {
		s.t.Fatalf("%s: %d %s %v", row.name, status, answer, err)
	}
}

func (s *flowStand) byMessage(row flowRow) {
	s.t.Helper()
	goal, _ := s.asks(row, "message")
	status, answer, err := s.users[row.tenant].Insist(s.t.Context(), http.MethodPost, "/v1/messages", map[string]any{"text": goal, "flow": row.flow})
	if err != nil || status != http.StatusAccepted {
		s.t.Fatalf("%s: %d %s %v", row.name, status, answer, err)
	}
}

func (s *flowStand) overTheTopic(row flowRow) {
	s.t.Helper()
	goal, body := s.asks(row, "command")
	raw, err := json.Marshal(body)
	fleettest.OK(s.t, err)
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{s.dev.log}, cfg)
	fleettest.OK(s.t, err)
	defer func() { _ = producer.Close() }()
	m := &sarama.ProducerMessage{Topic: "duolog.commands", Key: sarama.StringEncoder(goal), Value: sarama.ByteEncoder(raw)}
	for name, value := range map[string]string{
		"ce_specversion": "1.0", "ce_id": strings.ReplaceAll(goal, " ", "-"), "ce_source": "/tests", "ce_type": "dev.duolog.command.start_workflow.v2",
		"content-type": "application/json", "authorization": "Bearer " + s.users[row.tenant].Token,
	} {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
	}
	_, _, err = producer.SendMessage(m)
	fleettest.OK(s.t, err)
}

// flowEntity is what the entity says.
type flowEntity struct {
	ID         int64  `json:"id"`
	Goal       string `json:"goal"`
	Definition string `json:"workflow_definition"`
	ConfigID   string `json:"flow_config_id"`
	Schema     string `json:"flow_config_schema_version"`
	Version    string `json:"flow_version"`
}

// find waits until the workflow is there.
func (s *flowStand) find(w begunFlow) (found flowEntity) {
	s.t.Helper()
	fleettest.Eventually(s.t, 30*time.Second, func() error {
		for _, e := range fleettest.Decode[[]flowEntity](s.t, s.users[w.tenant].Get(s.t, "/workflows?per_page=100")) {
			if e.Goal == w.goal {
				found = e
				return nil
			}
		}
		return fmt.Errorf("there is no workflow %q", w.goal)
	})
	return found
}

// recorded holds the first event and the entity against the row.
func (s *flowStand) recorded(w begunFlow) {
	s.t.Helper()
	e := s.find(w)
	got := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			got["DUO_WORKFLOW_"+name] = value
		}
	}
	set("DEFINITION", e.Definition)
	set("FLOW_CONFIG_ID", e.ConfigID)
	set("FLOW_CONFIG_SCHEMA_VERSION", e.Schema)
	set("FLOW_VERSION", e.Version)
	for _, event := range fleettest.Decode[struct {
		Events []struct {
			Type string
			Text map[string]string
			Data struct {
				Flow json.RawMessage
			}
		}
	}](s.t, s.users[w.tenant].Get(s.t, fmt.Sprintf("/workflows/%d/timeline", e.ID))).Events {
		switch event.Type {
		case "workflow.flow_configured":
			set("FLOW_CONFIG", event.Text["config"])
		case "workflow.created":
			var flow struct {
				Definition string
				ConfigID   string `json:"config_id"`
				Schema     string `json:"schema_version"`
				Version    string
			}
			fleettest.OK(s.t, json.Unmarshal(event.Data.Flow, &flow))
			if flow.Definition != e.Definition || flow.ConfigID != e.ConfigID || flow.Schema != e.Schema || flow.Version != e.Version {
				s.t.Errorf("%s: the first event records %+v, the entity says %+v", w.goal, flow, e)
			}
		}
	}
	if d := cmp.Diff(w.want, got); d != "" {
		s.t.Errorf("%s records\n%s", w.goal, d)
	}
}

// given waits for the environments of so many runs; each has the values of the row.
func (s *flowStand) given(w begunFlow, runs int) {
	s.t.Helper()
	id := s.find(w).ID
	var files []string
	fleettest.Eventually(s.t, 60*time.Second, func() (err error) {
		if files, err = filepath.Glob(filepath.Join(s.out, fmt.Sprintf("%d.*[0-9]", id))); err == nil && len(files) < runs {
			err = fmt.Errorf("%s had %d of %d runs", w.goal, len(files), runs)
		}
		return err
	})
	for _, file := range files {
		got := map[string]string{}
		for line := range strings.Lines(fleettest.ReadOr(file)) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if name == "DUO_WORKFLOW_DEFINITION" || strings.HasPrefix(name, "DUO_WORKFLOW_FLOW_") {
				got[name] = value
			}
		}
		if d := cmp.Diff(w.want, got); d != "" {
			s.t.Errorf("a run of %s is given\n%s", w.goal, d)
		}
	}
}

// again asks for a further run, once the one before has ended.
func (s *flowStand) again(w begunFlow) {
	s.t.Helper()
	path := fmt.Sprintf("/workflows/%d", s.find(w).ID)
	fleettest.Eventually(s.t, 60*time.Second, func() error {
		status, answer, err := s.users[w.tenant].Call(s.t.Context(), http.MethodPatch, path, map[string]any{"status_event": "retry", "start_workflow": true})
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("%s: %d %s %w", w.goal, status, answer, err)
		}
		return nil
	})
}
