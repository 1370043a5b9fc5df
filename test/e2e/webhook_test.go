package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/internal/fleettest"
)

// receiver takes the messages of a hook, each once.
type receiver struct {
	server *httptest.Server
	secret string

	mu sync.Mutex
	// taken are the messages by id, posts how often each came.
	taken map[string]message
	posts map[string]int
	wrong []error
	// status is what it answers; 0 is 204.
	status int
}

type message struct {
	ID, Type string
	Data     struct {
		Number int64
		Error  string
		Text   string
	}
}

// hooked is a dev whose workflows tell a receiver what happens.
func hooked(t *testing.T, step time.Duration) (*dev, *receiver) {
	t.Helper()
	d := newDev(t, step)
	r := &receiver{secret: filepath.Join(d.state, "hook.secret"), taken: map[string]message{}, posts: map[string]int{}}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	d.flags = append(d.flags, "--hook", r.server.URL+"/hook")
	return d, r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.read(req)
	if err != nil {
		r.wrong = append(r.wrong, err)
	}
	if r.posts[m.ID]++; r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	r.taken[m.ID] = m
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) read(req *http.Request) (m message, err error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return m, err
	}
	secret, err := os.ReadFile(r.secret)
	if err != nil {
		return m, err
	}
	key, err := standard.ParseKey(string(secret))
	if err != nil {
		return m, err
	}
	id, err := standard.Verify(req.Header, body, time.Now(), key)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(body, &m); err != nil || m.ID != id {
		return m, fmt.Errorf("%s under id %s: %w", body, id, err)
	}
	return m, nil
}

func (r *receiver) answers(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// of lists the types of the messages about a workflow, in order.
func (r *receiver) of(number int64) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, m := range r.taken {
		if m.Data.Number == number {
			out = append(out, m.Type)
		}
	}
	slices.Sort(out)
	return out
}

// heard waits until it was told of a workflow's start and end.
func (r *receiver) heard(t *testing.T, number int64) {
	t.Helper()
	want := []string{"flow.completed", "flow.started"}
	fleettest.Eventually(t, 30*time.Second, func() error {
		if got := r.of(number); !slices.Equal(got, want) {
			return fmt.Errorf("of workflow %d it heard %v", number, got)
		}
		return nil
	})
}

// TestWebhooksSurviveKills kills the process around each call of a hook, and at
// any moment of the next start: a receiver that takes each id once has been told
// of each start and each end, once.
func TestWebhooksSurviveKills(t *testing.T) {
	t.Parallel()
	d, r := hooked(t, 20*time.Millisecond)
	d.start()
	d.stop()
	points := []string{"effects.after_call:2", "effects.after_attempt:2", "effects.after_outcome:2", "saga.before_acknowledge:3"}
	goals := map[string]bool{}
	for _, at := range points[:few(len(points))] {
		goal := "what changed, killed at " + at + "?"
		goals[goal] = true
		d.launch(fleettest.Crashtest(t), "DUOLOG_CRASH_AT="+at)
		d.readyOrCrashed()
		asked := d.ask(goal)
		if d.proc.Await(t, 40*time.Second); !d.proc.Killed() { // perhaps behind the answer
			t.Fatalf("dev ended: %s", d.proc.Err.String())
		}
		d.startTwice()
		if strings.Contains(asked.Err.String(), "nothing answers") {
			asked = d.ask(goal) // it was killed before the question came
		}
		if code := asked.Await(t, 40*time.Second); code != 0 {
			t.Fatalf("ask: exit code %d\n%s%s", code, asked.Out.String(), asked.Err.String())
		}
		d.settled()
		d.proc.Kill()
	}
	d.start()
	d.settled()
	for goal := range goals {
		r.heard(t, d.only(goal).ID)
	}
	d.clean()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) > 0 || len(r.taken) != 2*len(goals) {
		t.Errorf("%d messages for %d workflows; wrong: %v", len(r.taken), len(goals), r.wrong)
	}
	if again := slices.Max(slices.Collect(maps.Values(r.posts))); again < 2 {
		t.Error("no message came twice: the kills did not hit a call")
	}
}

// gone waits until so many deliveries were given up, and is for how many messages
// the receiver was called.
func (d *dev) gone(n int, r *receiver) int {
	d.tb.Helper()
	fleettest.Eventually(d.tb, 20*time.Second, func() error {
		if list := d.must("delivery", "list", "--status", "given_up"); strings.Count(list, "answered 410") != n {
			return errors.New(list)
		}
		return nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.posts)
}

// TestWhatAReceiverMissedIsSentAgain: a hook is away, and its owner finds and
// repeats what it missed, with the commands of docs/webhooks.md.
func TestWhatAReceiverMissedIsSentAgain(t *testing.T) {
	t.Parallel()
	d, r := hooked(t, 0)
	d.start()
	r.answers(http.StatusServiceUnavailable)
	d.must("ask", "what changed?")
	w := d.only("what changed?")
	fleettest.Eventually(t, 20*time.Second, func() error {
		if n := strings.Count(d.must("delivery", "list", "--missing", "--hook", "dev"), "attempt 1 failed, again at"); n != 2 {
			return fmt.Errorf("%d deliveries wait", n)
		}
		return nil
	})
	r.answers(0)
	d.must("delivery", "redeliver", "--missing", "--hook", "dev", "--since", "1h")
	r.heard(t, w.ID)
	d.settled()
	list := d.must("delivery", "list", "--status", "delivered", "--event", "flow.completed")
	id, _, _ := strings.Cut(list, " ")
	shown := d.must("delivery", "show", id)
	for _, want := range []string{"flow.completed", "the receiver answered 503", "204 No Content", "hook dev", `"type":"flow.completed"`} {
		if !strings.Contains(shown, want) {
			t.Errorf("it does not show %q:\n%s", want, shown)
		}
	}
	if out := d.must("delivery", "redeliver", id); !strings.Contains(out, "1 sent again, 0 left") {
		t.Error(out)
	}
	as := d.must("delivery", "redeliver", "--as-new", id)
	fleettest.Eventually(t, 20*time.Second, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.taken) != 3 || r.posts[id] < 3 {
			return fmt.Errorf("%d messages were taken, and %s came %d times:\n%s", len(r.taken), id, r.posts[id], as)
		}
		return nil
	})
	r.answers(http.StatusGone)
	d.must("ask", "what changed since?")
	called := d.gone(2, r)
	d.must("ask", "and since then?")
	if again := d.gone(4, r); again != called {
		t.Errorf("a hook that is gone was called: for %d messages, then for %d", called, again)
	}
	if doctor := d.run("doctor"); doctor.Code == 0 || !strings.Contains(doctor.Out, "✗ hook dev of acme  deliveries given up in the last day: 4") {
		t.Errorf("doctor: %s", doctor.Out)
	}
	refused(t, d.run("delivery", "redeliver"), "it is not said what to send again")
	refused(t, d.run("delivery", "show", "x"), "must be a delivery's UUID")
	refused(t, d.run("delivery", "list", "--since", "yesterday"), "is no time")
	d.stop()
}
