//go:build crash

package crash_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/internal/fleettest"
)

// hookName is the hook that the workflows of producers name.
const hookName = "watch"

// hearer is a receiver of webhooks that never fails: what it is not told, a crash lost.
type hearer struct {
	url    string
	secret string
	key    standard.Key

	mu sync.Mutex
	// told are the ids under which it was told of an event of a workflow.
	told  map[string]map[string]int
	wrong []string
}

func newHearer(t *testing.T, dir string) *hearer {
	t.Helper()
	secret := standard.NewSecret()
	key, err := standard.ParseKey(secret)
	fleettest.OK(t, err)
	h := &hearer{told: map[string]map[string]int{}, key: key, secret: fleettest.Write(t, secret+"\n", dir, "hook-secret")}
	server := httptest.NewServer(http.HandlerFunc(h.hear))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hearer) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var message struct {
		Type string
		Data struct{ Workflow string }
	}
	id := ""
	if err == nil {
		id, err = standard.Verify(r.Header, body, time.Now(), h.key)
	}
	if err == nil {
		err = json.Unmarshal(body, &message)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.wrong = append(h.wrong, fmt.Sprintf("%v: %.200s", err, body))
		return
	}
	of := message.Type + " of " + message.Data.Workflow
	if h.told[of] == nil {
		h.told[of] = map[string]int{}
	}
	h.told[of][id]++
}

// check says that the hook was told of the start and the end of each workflow, under
// one id each, however often, and of nothing else.
func (h *hearer) check(w *world, workflows []string) {
	if err := wait(w.t.Context(), w.settle, func() error { return h.missing(workflows) }); err != nil {
		w.violated("a hook is told once", "%v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, wrong := range h.wrong {
		w.violated("webhooks verify", "%s", wrong)
	}
	for event, ids := range h.told {
		if len(ids) != 1 {
			w.violated("a hook is told once", "%s under %v", event, ids)
		}
	}
	if len(h.told) != 2*len(workflows) {
		w.violated("a hook is told once", "of %d events, there were %d", len(h.told), 2*len(workflows))
	}
}

func (h *hearer) missing(workflows []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range workflows {
		for _, event := range []string{"flow.started of ", "flow.completed of "} {
			if h.told[event+id] == nil {
				return errors.New("it was not told: " + event + id)
			}
		}
	}
	return nil
}

// hooked lets the tenant's workflows name the hook.
func (h *hearer) hooked(config string) string {
	const user = "    default_user: mia\n"
	hook := fmt.Sprintf("    hooks:\n      - {name: %s, url: %s, secret_files: [%s]}\n", hookName, h.url, h.secret)
	return strings.Replace(config, user, user+hook, 1) + "webhook_allow: [127.0.0.1/32]\n"
}
