package load_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/duolog/duolog/bench/load"
)

// posted is what the test reads of a checkpoint.
type posted struct {
	ThreadTS   string  `json:"thread_ts"`
	ParentTS   *string `json:"parent_ts"`
	Checkpoint struct {
		ID     string `json:"id"`
		Values struct {
			State    string            `json:"state"`
			Messages []json.RawMessage `json:"messages"`
		} `json:"channel_values"`
	} `json:"checkpoint"`

	size   int
	prefer string
}

// TestAnAgentPostsOneStepOverTheOther: requests are written over in place, and each
// is still the step after the one before, with as many new bytes as its shape says.
func TestAnAgentPostsOneStepOverTheOther(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]load.Shape{
		"all new":     {State: load.Small, New: load.Small},
		"a part new":  {State: load.Large, New: load.Small},
		"not waiting": {State: load.Large, New: load.Large, Async: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, shape, 4)
			for i, p := range got {
				switch {
				case p.Checkpoint.ID != p.ThreadTS:
					t.Errorf("step %d is %s and calls itself %s", i, p.ThreadTS, p.Checkpoint.ID)
				case i == 0 && p.ParentTS != nil, i > 0 && (p.ParentTS == nil || *p.ParentTS != got[i-1].ThreadTS):
					t.Errorf("step %d is not over the one before", i)
				case len(p.Checkpoint.Values.State) != shape.New, len(p.Checkpoint.Values.Messages) != (shape.State-shape.New)/2000:
					t.Errorf("step %d has %d new bytes and %d messages", i, len(p.Checkpoint.Values.State), len(p.Checkpoint.Values.Messages))
				case p.size < shape.State || p.size > shape.State+1500:
					t.Errorf("step %d has %d bytes", i, p.size)
				case i > 0 && p.Checkpoint.Values.State == got[i-1].Checkpoint.Values.State:
					t.Errorf("step %d brings nothing new", i)
				case i > 0 && shape.Async != (p.prefer == "respond-async"):
					t.Errorf("step %d prefers %q", i, p.prefer)
				}
			}
		})
	}
}

// run lets an agent post to a server that remembers.
func run(t *testing.T, shape load.Shape, steps int) []posted {
	t.Helper()
	var mu sync.Mutex
	var got []posted
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == load.WorkflowsPath {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"id":7}`))
			return
		}
		var p posted
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil || r.URL.Path != load.WorkflowsPath+"/7/checkpoints" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		p.size, p.prefer = int(r.ContentLength), r.Header.Get("Prefer")
		mu.Lock()
		defer mu.Unlock()
		got = append(got, p)
		if p.prefer != "" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	client := load.NewClient(address, "secret")
	defer client.Close()
	agents, err := load.NewAgents(t.Context(), client, []string{address}, 1, shape, load.NewTexts())
	if err != nil {
		t.Fatal(err)
	}
	defer agents[0].Close()
	if err := agents[0].Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range steps {
		if err := agents[0].Post(); err != nil {
			t.Fatal(err)
		}
	}
	return got
}
