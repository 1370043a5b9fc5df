package keystore_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/internal/keystore"
)

var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: start} }

func path(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "keystore.jsonl")
}

func open(t *testing.T, path string, c *clock) *keystore.Store {
	t.Helper()
	s, err := keystore.Open(path, c.Now)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func add(t *testing.T, s *keystore.Store, token keystore.Token) keystore.Secret {
	t.Helper()
	secret, err := s.Add(t.Context(), token)
	if err != nil {
		t.Fatalf("add: %v", err)
	}
	return secret
}

func user() keystore.Token {
	return keystore.Token{Kind: keystore.KindUser, Tenant: "acme", User: "mia", ServiceAccount: "duo-developer"}
}

func until(expires time.Time) keystore.Token {
	return keystore.Token{Kind: keystore.KindUser, Tenant: "acme", User: "mia", Name: "laptop", Scope: access.ScopeRead, ExpiresAt: expires}
}

func wantCode(t *testing.T, err error, code domain.Code) {
	t.Helper()
	if err == nil || domain.CodeOf(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func wantKnown(t *testing.T, s *keystore.Store, secret keystore.Secret) keystore.Token {
	t.Helper()
	token, err := s.Lookup(t.Context(), secret)
	if err != nil {
		t.Fatalf("look up: %v", err)
	}
	return token
}

func wantRefused(t *testing.T, s *keystore.Store, secret keystore.Secret, code domain.Code) {
	t.Helper()
	_, err := s.Lookup(t.Context(), secret)
	wantCode(t, err, code)
}

func TestATokenOutlivesTheProcessAndItsSecretIsNowhere(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	s := open(t, p, c)
	mine, theirs := user(), until(start.Add(time.Hour))
	userSecret, shortSecret := add(t, s, mine), add(t, s, theirs)

	again := open(t, p, c)
	got := wantKnown(t, again, shortSecret)
	theirs.ID, theirs.CreatedAt = got.ID, start
	if diff := cmp.Diff(theirs, got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	if got := wantKnown(t, again, userSecret); got.User != "mia" || got.ID == uuid.Nil {
		t.Errorf("user token: %+v", got)
	}
	if !strings.HasPrefix(userSecret.Reveal(), "dl_") || len(userSecret.Reveal()) != 3+43 {
		t.Errorf("secrets do not look like dl_…")
	}
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []keystore.Secret{userSecret, shortSecret} {
		_, random, _ := strings.Cut(secret.Reveal(), "_")
		if bytes.Contains(data, []byte(random)) {
			t.Errorf("the file holds a secret")
		}
	}
	wantRefused(t, again, "dl_unknown", domain.CodeUnauthenticated)
	wantRefused(t, again, "", domain.CodeUnauthenticated)
}

func TestTokensStopWorking(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, path(t), c)
	short, kept := add(t, s, until(start.Add(time.Minute))), add(t, s, user())

	c.Add(time.Minute)
	wantRefused(t, s, short, domain.CodeTokenExpired)

	id := wantKnown(t, s, kept).ID
	for range 2 {
		if err := s.Revoke(t.Context(), id); err != nil {
			t.Fatalf("revoke: %v", err)
		}
	}
	wantRefused(t, s, kept, domain.CodeTokenRevoked)
	wantCode(t, s.Revoke(t.Context(), uuid.New()), domain.CodeNotFound)
	tokens, err := s.Tokens(t.Context())
	if err != nil || len(tokens) != 2 {
		t.Fatalf("tokens: %v, %v", tokens, err)
	}
}

func TestTwoStoresOverOneFileSeeEachOther(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	a, b := open(t, p, c), open(t, p, c)
	secret := add(t, a, user())
	id := wantKnown(t, b, secret).ID
	if err := b.Revoke(t.Context(), id); err != nil {
		t.Fatalf("revoke: %v", err)
	}
	wantRefused(t, a, secret, domain.CodeTokenRevoked)
}

func TestManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	stores := []*keystore.Store{open(t, p, c), open(t, p, c), open(t, p, c)}
	const each = 20
	secrets := make([][each]keystore.Secret, len(stores))
	var group sync.WaitGroup
	for i, s := range stores {
		group.Go(func() {
			for j := range each {
				secret, err := s.Add(t.Context(), user())
				if err != nil {
					t.Errorf("add: %v", err)
					return
				}
				secrets[i][j] = secret
				if _, err := stores[(i+1)%len(stores)].Lookup(t.Context(), secret); err != nil {
					t.Errorf("look up with another store: %v", err)
				}
			}
		})
	}
	group.Wait()
	fresh := open(t, p, c)
	for _, of := range secrets {
		for _, secret := range of {
			wantKnown(t, fresh, secret)
		}
	}
}

func TestEveryTornEndIsSurvived(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	s := open(t, p, c)
	first := add(t, s, user())
	whole, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	second := add(t, s, user())
	all, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut < len(all); cut++ {
		torn := path(t)
		if err := os.WriteFile(torn, all[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		after := open(t, torn, c)
		other := open(t, torn, c)
		wantKnown(t, after, first)
		wantRefused(t, after, second, domain.CodeUnauthenticated)
		third := add(t, after, user())
		for _, s := range []*keystore.Store{after, other, open(t, torn, c)} {
			wantKnown(t, s, first)
			wantKnown(t, s, third)
			wantRefused(t, s, second, domain.CodeUnauthenticated)
		}
	}
}

func TestDamageLetsNobodyIn(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"no JSON":     "{\"revoke\":\"0198\n",
		"no sense":    "{}\n",
		"no hash":     "{\"add\":{\"id\":\"0198c2a4-0000-7000-8000-000000000000\",\"sha256\":\"ab\"}}\n",
		"zero bytes":  "\x00\x00\x00\n",
		"another log": "{\"v\":1,\"stream\":\"acme/workflow/x\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := path(t), newClock()
			s := open(t, p, c)
			secret := add(t, s, user())
			appendTo(t, p, damage)

			_, err := s.Lookup(t.Context(), secret)
			wantCode(t, err, domain.CodeNotNow)
			if strings.Contains(err.(*domain.Error).Fix, p) { //nolint:errorlint // wantCode looked
				t.Errorf("a client is told the server's path")
			}
			_, err = s.Add(t.Context(), user())
			wantCode(t, err, domain.CodeInternal)
			_, err = keystore.Open(p, c.Now)
			wantCode(t, err, domain.CodeInternal)
			if e, ok := errors.AsType[*domain.Error](err); !ok || !strings.Contains(e.Message, p) || e.Fix == "" {
				t.Errorf("the operator is not told where and what to do: %v", err)
			}
		})
	}
}

func TestAFileThatIsGoneOrReplaced(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	s := open(t, p, c)
	old := add(t, s, user())
	backup, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	later := add(t, s, user())

	if err := os.Remove(p); err != nil {
		t.Fatal(err)
	}
	_, err = s.Lookup(t.Context(), old)
	wantCode(t, err, domain.CodeNotNow)

	if err := os.WriteFile(p, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	wantKnown(t, s, old)
	wantRefused(t, s, later, domain.CodeUnauthenticated)
}

func TestOthersMustNotReadTheFile(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	open(t, p, c)
	if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("made as %v, %v", info.Mode(), err)
	}
	for _, mode := range []fs.FileMode{0o604, 0o640, 0o602} {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		_, err := keystore.Open(p, c.Now)
		wantCode(t, err, domain.CodeForbidden)
		if e, ok := errors.AsType[*domain.Error](err); !ok || !strings.HasPrefix(e.Fix, "chmod 600 "+p) {
			t.Errorf("fix: %v", err)
		}
	}
}

func TestAMissingDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	_, err := keystore.Open(filepath.Join(t.TempDir(), "no", "keystore.jsonl"), newClock().Now)
	wantCode(t, err, domain.CodeInvalidField)
}

func TestTokensThatSayTooLittleOrTooMuch(t *testing.T) {
	t.Parallel()
	s := open(t, path(t), newClock())
	for field, token := range map[string]keystore.Token{
		"user":   {Kind: keystore.KindUser, Tenant: "acme"},
		"tenant": {Kind: keystore.KindUser, Tenant: "A/B", User: "mia"},
		"kind":   {Kind: "run", Tenant: "acme", User: "mia"},
		"scope":  {Kind: keystore.KindUser, Tenant: "acme", User: "mia", Scope: "root"},
		"name":   {Kind: keystore.KindUser, Tenant: "acme", User: "mia", Name: strings.Repeat("x", 129)},
	} {
		_, err := s.Add(t.Context(), token)
		if e, ok := errors.AsType[*domain.Error](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestDeclaredTokensAreNotWritten(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	s := open(t, p, c)
	secret := keystore.Secret("chosen by the operator")
	if err := s.Declare(secret.Hash(), user()); err != nil {
		t.Fatal(err)
	}
	wantKnown(t, s, secret)
	wantRefused(t, open(t, p, c), secret, domain.CodeUnauthenticated)
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
