package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

func newKey(t *testing.T) standard.Key {
	t.Helper()
	k, err := standard.ParseKey(standard.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	key, at := newKey(t), time.Now()
	var out bytes.Buffer
	file := filepath.Join(t.TempDir(), "seen")
	start := func() *receiver {
		r, err := open(file, &out, func() time.Time { return at }, key)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.close)
		return r
	}
	post := func(r *receiver, id, body string, by standard.Key, when time.Time) int {
		req, w := httptest.NewRequest("POST", "/", strings.NewReader(body)), httptest.NewRecorder()
		standard.Sign(req.Header, id, when, []byte(body), by)
		r.ServeHTTP(w, req)
		return w.Code
	}
	r := start()
	const body = `{"id":"m1","type":"flow.completed","data":{"number":1003,"status":"finished","text":"Ten\ncommits."}}`
	for name, c := range map[string]struct {
		id, body string
		by       standard.Key
		when     time.Time
		want     int
	}{
		"another key":   {"m1", body, newKey(t), at, http.StatusUnauthorized},
		"old":           {"m1", body, key, at.Add(-time.Hour), http.StatusUnauthorized},
		"no JSON":       {"m0", "{", key, at, http.StatusInternalServerError},
		"far too large": {"m0", strings.Repeat("x", maxBody+1), key, at, http.StatusBadRequest},
	} {
		if got := post(r, c.id, c.body, c.by, c.when); got != c.want || out.Len() != 0 {
			t.Errorf("%s: %d, and it says %q", name, got, out.String())
		}
	}
	for n := range 3 {
		if n == 2 {
			r = start() // a restart
		}
		if got := post(r, "m1", body, key, at); got != http.StatusNoContent {
			t.Errorf("status %d", got)
		}
	}
	if got, want := out.String(), "m1 flow.completed workflow 1003 finished Ten commits.\n"+strings.Repeat("m1 again, not taken twice\n", 2); got != want {
		t.Errorf("it says %q, not %q", got, want)
	}
}
