package config_test

import (
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/config"
)

func hook() config.Hook {
	return config.Hook{Name: "ci", URL: "https://ci.example.com/duolog", SecretFiles: []string{"a"}, Events: []string{"flow.failed"}}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	many := make([]string, 21)
	for field, change := range map[string]func(*config.Hook){
		"":             func(*config.Hook) {},
		"name":         func(h *config.Hook) { h.Name = "CI hook" },
		"url":          func(h *config.Hook) { h.URL = "ftp://ci.example.com/secret" },
		"url ":         func(h *config.Hook) { h.URL = "ci.example.com/secret" },
		"url  ":        func(h *config.Hook) { h.URL = "https:///secret" },
		"url   ":       func(h *config.Hook) { h.URL = "https://%zz/secret" },
		"secret_files": func(h *config.Hook) { h.SecretFiles = nil },
		"secret_files ": func(h *config.Hook) {
			h.SecretFiles = []string{"a", "b", "c"}
		},
		"secret_files  ": func(h *config.Hook) { h.SecretFiles = []string{""} },
		"events":         func(h *config.Hook) { h.Events = []string{"flow.done"} },
		"revision":       func(h *config.Hook) { h.Revision = strings.Join(many, "1234") },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			c, h := dev(t), hook()
			change(&h)
			c.Tenants = config.Tenants{c.Tenants[0]}
			c.Tenants[0].Hooks = []config.Hook{h}
			_, err := c.Resolve(config.Dev("state"))
			if field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			got := fields(t, err)
			if want := "tenants[0].hooks[0]." + strings.TrimSpace(field); len(got) != 1 || got[0] != want || strings.Contains(err.Error(), "/secret") {
				t.Errorf("%v: %v", got, err)
			}
		})
	}
	c := dev(t)
	c.Tenants = config.Tenants{c.Tenants[0]}
	c.Tenants[0].Hooks = []config.Hook{hook(), hook()}
	c.WebhookAllow = []string{"10.0.0.0/8", "localhost"}
	_, err := c.Resolve(config.Dev("state"))
	if got := strings.Join(fields(t, err), " "); got != "tenants[0].hooks[1].name webhook_allow" {
		t.Errorf("%s: %v", got, err)
	}
}

func TestHooksReachTheInternetAlone(t *testing.T) {
	t.Parallel()
	c, err := load(t, "--config", file(t, "webhook_allow: [10.1.2.3/16, '::1/128']\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.AllowedNetworks(); len(got) != 2 || got[0].String() != "10.1.0.0/16" {
		t.Errorf("%v", got)
	}
	if got := config.Serve("").AllowedNetworks(); len(got) != 0 {
		t.Errorf("serve allows %v", got)
	}
	if got := dev(t).AllowedNetworks(); len(got) != 2 {
		t.Errorf("dev allows %v", got)
	}
}
