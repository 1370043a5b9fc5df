package fleettest

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

// Goals counts the workflows by their goal.
func (u *User) Goals(t *testing.T) map[string]int {
	t.Helper()
	goals := map[string]int{}
	for page := 1; ; page++ {
		list := Decode[[]WorkflowView](t, u.Get(t, fmt.Sprintf("/workflows?per_page=100&page=%d", page)))
		for _, w := range list {
			goals[w.Goal]++
		}
		if len(list) == 0 {
			return goals
		}
	}
}

// Checkpoints counts all checkpoints of a workflow by thread_ts.
func (u *User) Checkpoints(t *testing.T, id string) map[string]int {
	t.Helper()
	shown := map[string]int{}
	for page := 1; ; page++ {
		rows := Decode[[]struct {
			ThreadTS string `json:"thread_ts"`
		}](t, u.Get(t, fmt.Sprintf("/workflows/%s/checkpoints?per_page=100&page=%d", id, page)))
		for _, r := range rows {
			shown[r.ThreadTS]++
		}
		if len(rows) == 0 {
			return shown
		}
	}
}

// TimelineOf reads the whole history of a workflow.
func TimelineOf(tb testing.TB, u *User, id string) Timeline {
	tb.Helper()
	var all Timeline
	for after := ""; ; {
		page := Decode[struct {
			Events Timeline
			Next   string
		}](tb, u.Get(tb, "/workflows/"+id+"/timeline?limit=200&after="+after))
		if len(page.Events) == 0 {
			return all
		}
		all, after = append(all, page.Events...), page.Next
	}
}

// User is a client of the API.
type User struct {
	Base, Token string
	HTTP        *http.Client
}

// NewUser is a client of an address, under a token.
func NewUser(tb testing.TB, base, token string) *User {
	tb.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	tb.Cleanup(transport.CloseIdleConnections)
	return &User{base, token, &http.Client{Timeout: 40 * time.Second, Transport: transport}}
}

// WorkflowsPath is what the paths of the API begin with.
const WorkflowsPath = "/api/v4/ai/duo_workflows"

// Call sends one request and is its answer; an error means that nobody knows.
func (u *User) Call(ctx context.Context, method, path string, body any, headers ...string) (status int, answer []byte, err error) {
	raw := []byte(nil)
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	if !strings.HasPrefix(path, "/v1/") {
		path = WorkflowsPath + path
	}
	req, err := http.NewRequestWithContext(ctx, method, u.Base+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+u.Token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := u.HTTP.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// Get is a read that has to go well.
func (u *User) Get(tb testing.TB, path string) string {
	tb.Helper()
	status, answer, err := u.Call(tb.Context(), http.MethodGet, path, nil)
	if err != nil || status != http.StatusOK {
		tb.Fatalf("GET %s: %d %s %v", path, status, answer, err)
	}
	return string(answer)
}

// Insist sends a request until it has an answer that is not "not now". The
// request must be harmless when repeated.
func (u *User) Insist(ctx context.Context, method, path string, body any, headers ...string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for {
		status, answer, err := u.Call(ctx, method, path, body, headers...)
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
