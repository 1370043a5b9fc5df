package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// user is a client of the API.
type user struct {
	base, token string
	http        *http.Client
}

func newUser(tb testing.TB, base, token string) *user {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	return &user{base, token, &http.Client{Timeout: 40 * time.Second, Transport: transport}}
}

// user is the one dev makes a token for.
func (d *dev) user() *user {
	d.tb.Helper()
	return newUser(d.tb, "http://"+d.api, strings.TrimSpace(read(d.tb, d.state, "token")))
}

const workflowsPath = "/api/v4/ai/duo_workflows"

// call sends one request and is its answer; an error means that nobody knows.
func (u *user) call(ctx context.Context, method, path string, body any, headers ...string) (status int, answer []byte, err error) {
	raw := []byte(nil)
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	if !strings.HasPrefix(path, "/v1/") {
		path = workflowsPath + path
	}
	req, err := http.NewRequestWithContext(ctx, method, u.base+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := u.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// get is a read that has to go well.
func (u *user) get(tb testing.TB, path string) string {
	tb.Helper()
	status, answer, err := u.call(tb.Context(), http.MethodGet, path, nil)
	if err != nil || status != http.StatusOK {
		tb.Fatalf("GET %s: %d %s %v", path, status, answer, err)
	}
	return string(answer)
}

// insist sends a request until it has an answer that is not "not now". The
// request must be harmless when repeated.
func (u *user) insist(ctx context.Context, method, path string, body any, headers ...string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for {
		status, answer, err := u.call(ctx, method, path, body, headers...)
		if err == nil && status < http.StatusInternalServerError {
			return status, answer, nil
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, nil, fmt.Errorf("%s %s: %w; the last answer was %d %s", method, path, ctx.Err(), status, answer)
		}
	}
}
