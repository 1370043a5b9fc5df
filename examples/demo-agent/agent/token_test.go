package agent

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// until is a token that expires then.
func until(at time.Time) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, at.Unix())) + ".x"
}

// TestTheTokenIsRenewed: half an hour before it expires, once; the agent goes on with
// the old one where that fails.
func TestTheTokenIsRenewed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	old, fresh := until(now.Add(55*time.Minute)), until(now.Add(90*time.Minute))
	away := true
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := map[string]string{"Bearer " + old: "old", "Bearer " + fresh: "fresh"}[r.Header.Get("Authorization")]
		seen = append(seen, r.Method+" "+token)
		switch {
		case r.URL.Path != "/v1/token/renew":
			_, _ = w.Write([]byte(`{}`))
		case away:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_ = json.NewEncoder(w).Encode(map[string]string{"token": fresh})
		}
	}))
	defer server.Close()
	c := &client{base: server.URL, token: old, workflow: "1003", http: server.Client(), now: func() time.Time { return now }}
	get := func() {
		t.Helper()
		if err := c.call(t.Context(), http.MethodGet, "", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	get()
	now = now.Add(26 * time.Minute)
	get()
	away = false
	get()
	get()
	if want := []string{"GET old", "POST old", "GET old", "POST old", "GET fresh", "GET fresh"}; !slices.Equal(seen, want) {
		t.Errorf("seen were %v, not %v", seen, want)
	}
	for _, other := range []string{"", "tok-1", "a.b.c", "e30.e30.x"} {
		if !expiry(other).IsZero() {
			t.Errorf("%q expires at %s", other, expiry(other))
		}
	}
}
