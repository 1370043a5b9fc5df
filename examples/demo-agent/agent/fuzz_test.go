package agent

import "testing"

// FuzzEnvironment: an agent begins in any environment, or says what is wrong
// with it.
func FuzzEnvironment(f *testing.F) {
	f.Add("http://127.0.0.1:8080/", "token", "1003", "what changed?", "500ms")
	f.Add("", "", "", "", "-")
	f.Fuzz(func(t *testing.T, url, token, workflow, goal, delay string) {
		env := map[string]string{"DUOLOG_URL": url, "DUOLOG_TOKEN": token, "DUO_WORKFLOW_WORKFLOW_ID": workflow, "DUO_WORKFLOW_GOAL": goal, "DEMO_AGENT_STEP_DELAY": delay}
		cfg, err := readConfig(func(name string) string { return env[name] })
		if err == nil && (cfg.url == "" || cfg.token != token || cfg.workflow != workflow || cfg.goal != goal || cfg.basePath == "") {
			t.Errorf("%v is read as %+v", env, cfg)
		}
	})
}
