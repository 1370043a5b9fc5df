package identity_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/internal/keystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a deployment with a clock that only tests move.
type world struct {
	t    *testing.T
	mu   sync.Mutex
	time time.Time
	keys *keystore.Store
	who  identity.Authenticator
}

func newWorld(t *testing.T, providers ...identity.ProviderConfig) *world {
	t.Helper()
	w := &world{t: t, time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	var err error
	if w.keys, err = keystore.Open(filepath.Join(t.TempDir(), "keystore.jsonl"), w.now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.keys.Close() })
	w.who = identity.Authenticator{
		Keys: w.keys, Runs: identity.Runs{Keys: w.keys, Issuer: "https://duolog.example.com", Now: w.now},
		Providers: identity.NewProviders(providers, w.now),
	}
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func (w *world) refused(token string, code domain.Code) {
	w.t.Helper()
	who, err := w.who.Authenticate(w.t.Context(), token)
	e, ok := errors.AsType[*domain.Error](err)
	if !ok || e.Code != code || e.Message == "" || e.Fix == "" {
		w.t.Errorf("%+v, %v; want %s with its fix", who, err, code)
	}
}

func (w *world) known(token string) entry.Caller {
	w.t.Helper()
	who, err := w.who.Authenticate(w.t.Context(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	return who
}

func (w *world) mint(run identity.Run) string {
	w.t.Helper()
	token, expires, err := w.who.Runs.Mint(w.t.Context(), run)
	if err != nil || expires.After(w.now().Add(time.Hour)) {
		w.t.Fatalf("until %s: %v", expires, err)
	}
	return token
}

func someRun() identity.Run {
	return identity.Run{
		Tenant: "acme", Workflow: uuid.New(), ID: uuid.New(), Epoch: 3, User: "mia", ServiceAccount: "duo-developer", Engine: "local",
	}
}

// TestE4TokensOfRuns: such a token says who the human is and which account acts for
// them, is good for less than an hour, and cannot be changed or made by others.
func TestE4TokensOfRuns(t *testing.T) {
	t.Parallel()
	w, run := newWorld(t), someRun()
	token := w.mint(run)
	want := entry.Caller{
		Tenant: "acme", User: "mia", Scope: access.ScopeWrite, Workflow: run.Workflow, ServiceAccount: "duo-developer",
		Run: &domain.RunRef{ID: run.ID, Epoch: 3},
	}
	if diff := cmp.Diff(want, w.known(token)); diff != "" {
		t.Errorf("the caller (-want +got):\n%s", diff)
	}
	said := claimsOf(t, token)
	for name, value := range map[string]any{
		"iss": "https://duolog.example.com", "sub": "mia", "act": map[string]any{"sub": "duo-developer"}, "aud": []any{"duolog", "local"},
		"scope": "write", "wid": run.Workflow.String(), "run": run.ID.String(), "epoch": 3.0, "tenant": "acme",
	} {
		if diff := cmp.Diff(value, said[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	parts := strings.Split(token, ".")
	other := strings.Replace(encoded(t, parts[1]), `"sub":"mia"`, `"sub":"eve"`, 1)
	w.refused(parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(other))+"."+parts[2], domain.CodeTokenInvalid)
	w.refused(none(`{"sub":"mia","tenant":"acme","aud":"duolog"}`), domain.CodeTokenInvalid)
	w.refused("eyJ.eyJ.x", domain.CodeTokenInvalid)
	w.refused("", domain.CodeUnauthenticated)
	w.refused(newWorld(t).mint(run), domain.CodeUnknownIssuer)

	foreign := sign(t, w.ownKey(), map[string]any{"aud": "elsewhere", "exp": w.now().Add(time.Hour).Unix(), "wid": run.Workflow, "run": run.ID, "tenant": "acme"})
	w.refused(foreign, domain.CodeWrongAudience)
	w.refused(sign(t, w.ownKey(), map[string]any{"aud": "duolog", "wid": run.Workflow, "run": run.ID, "tenant": "acme"}), domain.CodeTokenInvalid)
	w.refused(sign(t, w.ownKey(), map[string]any{"aud": "duolog", "exp": w.now().Add(time.Hour).Unix(), "tenant": "acme"}), domain.CodeTokenInvalid)

	w.pass(identity.RunLife)
	w.known(token) // clocks differ by a minute at most
	w.pass(time.Minute + time.Second)
	w.refused(token, domain.CodeTokenExpired)
}

// ownKey is the deployment's own key: what it would never sign is signed with it.
func (w *world) ownKey() jose.JSONWebKey {
	w.t.Helper()
	k, err := w.keys.SigningKey(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k.Private(), KeyID: k.ID}
}

// TestE4RunTokensAreRenewed: before it expires or shortly after, a run gets a fresh
// token that is bound as the old one was; nobody else does.
func TestE4RunTokensAreRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.mint(someRun())
	before := w.known(token)
	w.pass(identity.RunLife + 5*time.Minute)
	w.refused(token, domain.CodeTokenExpired)
	fresh, err := w.who.Runs.Renew(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.known(fresh.Token)); diff != "" || !fresh.Expires.Equal(w.now().Add(identity.RunLife)) {
		t.Errorf("until %s, the caller (-want +got):\n%s", fresh.Expires, diff)
	}
	w.pass(7 * time.Minute)
	_, err = w.who.Runs.Renew(t.Context(), token)
	if domain.CodeOf(err) != domain.CodeTokenExpired {
		t.Errorf("long after it expired: %v", err)
	}
	person, err := w.keys.Add(t.Context(), keystore.Token{Kind: keystore.KindUser, Tenant: "acme", User: "mia"})
	if err != nil {
		t.Fatal(err)
	}
	for who, token := range map[string]string{"a person": person.Reveal(), "another deployment": newWorld(t).mint(someRun())} {
		if _, err := w.who.Runs.Renew(t.Context(), token); domain.CodeOf(err) != domain.CodeForbidden {
			t.Errorf("%s: %v", who, err)
		}
	}
}

// TestE4RunTokensOutliveAKey: what a key signed is believed after another took its
// place, by all nodes, and by those who check with the published set; not where the
// new one stands alone.
func TestE4RunTokensOutliveAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.mint(someRun())
	if _, err := w.keys.RotateSigningKey(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	w.known(old)
	fresh := w.mint(someRun())
	raw, err := w.who.Runs.KeySet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) != 2 || strings.Contains(string(raw), `"d"`) {
		t.Fatalf("the set is %s: %v", raw, err)
	}
	for _, token := range []string{old, fresh} {
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatal(err)
		}
		if err := parsed.Claims(set, &jwt.Claims{}); err != nil {
			t.Errorf("the published keys do not confirm a token: %v", err)
		}
	}
	if _, err := w.keys.RotateSigningKey(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	w.refused(old, domain.CodeUnknownIssuer)
	w.refused(fresh, domain.CodeUnknownIssuer)
}

// provider is a company's identity provider, in this process.
type provider struct {
	*httptest.Server

	asked atomic.Int32
	mu    sync.Mutex
	away  bool
	keys  []jose.JSONWebKey
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{keys: []jose.JSONWebKey{newKey(t, "one")}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.away {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		set := jose.JSONWebKeySet{}
		for _, k := range p.keys {
			set.Keys = append(set.Keys, k.Public())
		}
		_ = json.NewEncoder(w).Encode(set)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(func() { p.Close(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	return p
}

func newKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(jose.EdDSA)}
}

func (p *provider) config() identity.ProviderConfig {
	return identity.ProviderConfig{Issuer: p.URL, Audience: "duolog-client", Tenant: "acme", LoginClaim: "preferred_username", Scope: access.ScopeRead}
}

func (p *provider) set(away bool, keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away, p.keys = away, keys
}

// TestTokensOfAProvider: its people get in as who they are there; a token that is for
// others, of others, old, early, unsigned or without a login does not.
func TestTokensOfAProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, p.config())
	of := func(change map[string]any) string {
		c := map[string]any{
			"iss": p.URL, "aud": []string{"duolog-client"}, "sub": "4711", "preferred_username": "mia",
			"iat": w.now().Unix(), "exp": w.now().Add(time.Hour).Unix(),
		}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return sign(t, p.keys[0], c)
	}
	want := entry.Caller{Tenant: "acme", User: "mia", Scope: access.ScopeRead}
	if diff := cmp.Diff(want, w.known(of(nil))); diff != "" {
		t.Errorf("the caller (-want +got):\n%s", diff)
	}
	skewed := map[string]any{"iat": w.now().Add(30 * time.Second).Unix(), "nbf": w.now().Add(30 * time.Second).Unix()}
	w.known(of(skewed))
	w.known(of(map[string]any{"exp": w.now().Add(-30 * time.Second).Unix()}))
	for name, test := range map[string]struct {
		token string
		code  domain.Code
	}{
		"wrong audience":  {of(map[string]any{"aud": "wiki"}), domain.CodeWrongAudience},
		"no audience":     {of(map[string]any{"aud": nil}), domain.CodeWrongAudience},
		"expired":         {of(map[string]any{"exp": w.now().Add(-2 * time.Minute).Unix()}), domain.CodeTokenExpired},
		"never expires":   {of(map[string]any{"exp": nil}), domain.CodeTokenInvalid},
		"not yet":         {of(map[string]any{"nbf": w.now().Add(2 * time.Minute).Unix()}), domain.CodeTokenInvalid},
		"other issuer":    {of(map[string]any{"iss": "https://login.example.com"}), domain.CodeUnknownIssuer},
		"alg none":        {none(`{"iss":"` + p.URL + `","aud":"duolog-client","preferred_username":"mia","exp":4102444800}`), domain.CodeTokenInvalid},
		"no login":        {of(map[string]any{"preferred_username": nil}), domain.CodeTokenInvalid},
		"odd login":       {of(map[string]any{"preferred_username": "a\x00b"}), domain.CodeTokenInvalid},
		"forged":          {sign(t, newKey(t, "one"), map[string]any{"iss": p.URL, "aud": "duolog-client", "exp": w.now().Add(time.Hour).Unix()}), domain.CodeTokenInvalid},
		"a symmetric key": {symmetric(t, p.keys[0].Public(), map[string]any{"iss": p.URL, "aud": "duolog-client", "preferred_username": "mia"}), domain.CodeTokenInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if who, err := w.who.Authenticate(t.Context(), test.token); domain.CodeOf(err) != test.code {
				t.Errorf("%+v, %v", who, err)
			}
		})
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// TestAProviderExchangesItsKeys: a token with a key that is not known has the keys
// fetched once more; a flood of such tokens does not.
func TestAProviderExchangesItsKeys(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	w := newWorld(t, p.config())
	claims := map[string]any{"iss": p.URL, "aud": "duolog-client", "preferred_username": "mia", "exp": w.now().Add(time.Hour).Unix()}
	old, next := p.keys[0], newKey(t, "two")
	w.known(sign(t, old, claims))
	p.set(false, old, next)
	w.pass(time.Minute)
	w.known(sign(t, next, claims))
	for range 20 {
		w.refused(sign(t, newKey(t, uuid.NewString()), claims), domain.CodeTokenInvalid)
	}
	if n := p.asked.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
	p.set(true)
	w.pass(time.Minute)
	w.known(sign(t, next, claims))
	w.refused(sign(t, newKey(t, "three"), claims), domain.CodeNotNow)
}

// TestAProviderThatIsAway: what it made is not now, everything else works, and it is
// asked again when it is back.
func TestAProviderThatIsAway(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	key := p.keys[0]
	p.set(true)
	w := newWorld(t, p.config())
	token := sign(t, key, map[string]any{"iss": p.URL, "aud": "duolog-client", "preferred_username": "mia", "exp": w.now().Add(time.Hour).Unix()})
	for range 5 {
		w.refused(token, domain.CodeNotNow)
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("it was asked %d times in a moment", n)
	}
	w.known(w.mint(someRun()))
	p.set(false, key)
	w.pass(time.Minute)
	w.known(token)
}

// TestAnUnverifiedAddressIsNobody: an address that the provider has not verified could
// be anybody's.
func TestAnUnverifiedAddressIsNobody(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	cfg := p.config()
	cfg.LoginClaim = "email"
	w := newWorld(t, cfg)
	claims := map[string]any{"iss": p.URL, "aud": "duolog-client", "email": "mia@example.com", "exp": w.now().Add(time.Hour).Unix()}
	w.refused(sign(t, p.keys[0], claims), domain.CodeTokenInvalid)
	claims["email_verified"] = true
	if who := w.known(sign(t, p.keys[0], claims)); who.User != "mia@example.com" {
		t.Errorf("it is %s", who.User)
	}
}

func sign(t *testing.T, key jose.JSONWebKey, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, claims)
}

// symmetric misuses a public key as the secret of a MAC.
func symmetric(t *testing.T, key jose.JSONWebKey, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte(key.Key.(ed25519.PublicKey)), KeyID: key.KeyID}}, claims)
}

func signWith(t *testing.T, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func none(claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal([]byte(encoded(t, strings.Split(token, ".")[1])), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func encoded(t *testing.T, part string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
