package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/keystore"
)

// TestTokenCommands: a token works as it was asked for until it is revoked, the list
// shows no secret, and what cannot be is said with its fix.
func TestTokenCommands(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keystore.jsonl")
	do := func(args ...string) (string, string, int) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(append([]string{"token"}, args...), "--keystore", file), app{out: &out, err: &errs, getenv: func(string) string { return "" }, now: time.Now})
		return out.String(), errs.String(), code
	}
	if _, said, code := do("list"); code != 1 || !strings.Contains(said, "there is no keystore") {
		t.Errorf("without a keystore: %d %s", code, said)
	}
	keys, err := keystore.Open(file, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = keys.Close() }()

	out, said, code := do("create", "--tenant", "acme", "--user", "mia", "--scope", "read", "--expires", "1h", "--name", "laptop")
	secret := keystore.Secret(strings.TrimSpace(out))
	token, err := keys.Lookup(t.Context(), secret)
	if code != 0 || err != nil || token.User != "mia" || token.Scope != "read" || token.Name != "laptop" || time.Until(token.ExpiresAt) > time.Hour {
		t.Fatalf("%d %s: %+v, %v", code, said, token, err)
	}
	list, _, _ := do("list", "--user", "mia")
	if !strings.Contains(list, token.ID.String()) || !strings.Contains(list, "laptop") || strings.Contains(list, secret.Reveal()) {
		t.Errorf("the list is %s", list)
	}
	raw, _, _ := do("list", "--json")
	var listed []keystore.Token
	if err := json.Unmarshal([]byte(raw), &listed); err != nil || len(listed) != 1 {
		t.Errorf("%v: %s", err, raw)
	}
	if out, said, code := do("revoke", token.ID.String()); code != 0 || !strings.Contains(out, "does not work any more") {
		t.Errorf("%d %s", code, said)
	}
	if _, err := keys.Lookup(t.Context(), secret); domain.CodeOf(err) != domain.CodeTokenRevoked {
		t.Errorf("revoked: %v", err)
	}
	for said, args := range map[string][]string{
		"is no scope":         {"create", "--tenant", "acme", "--user", "mia", "--scope", "root"},
		"names no valid":      {"create", "--tenant", "A B", "--user", "mia"},
		"is over already":     {"create", "--tenant", "acme", "--user", "mia", "--expires=-1h"},
		"is no id":            {"revoke", "dl_x"},
		"there is no token 0": {"revoke", "00000000-0000-4000-8000-000000000000"},
	} {
		if _, errs, code := do(args...); code != 1 || !strings.Contains(errs, said) || !strings.Contains(errs, "fix: ") {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	first, err := keys.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		left int
	}{{[]string{"rotate-keys"}, 2}, {[]string{"rotate-keys", "--at-once"}, 1}} {
		_, said, code := do(test.args...)
		now, err := keystore.Open(file, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		believed, err := now.SigningKeys()
		_ = now.Close()
		if code != 0 || err != nil || len(believed) != test.left || believed[0].ID == first.ID {
			t.Errorf("%v: %d %s: %d keys, %v", test.args, code, said, len(believed), err)
		}
	}
}
