package e2e_test

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// follower is a duolog events tail that runs while nodes come and go.
type follower struct {
	user  *fleettest.User
	from  string
	tails []*fleettest.Process
}

type feedPage struct {
	Events []struct {
		ID string `json:"id"`
	} `json:"events"`
	Next string `json:"next"`
	More bool   `json:"more"`
}

// newFollower begins at what happens now, through the front and, with what that
// returned, at each place once more.
func newFollower(t *testing.T, f *fleettest.Fleet, front string) *follower {
	t.Helper()
	w := &follower{user: f.User(front)}
	w.from = w.page(t, "end").Next
	for range 2 {
		w.tails = append(w.tails, fleettest.Launch(t, f.Dir, nil, fleettest.Duolog(t), "events", "tail", "--json", "--url", front, "--token", f.Token, "--after", w.from))
	}
	return w
}

func (w *follower) page(t *testing.T, after string) feedPage {
	t.Helper()
	return fleettest.Decode[feedPage](t, w.user.Get(t, "/v1/events?limit=500&after="+url.QueryEscape(after)))
}

// check compares what the tails printed with what there is: each event once.
func (w *follower) check(t *testing.T) {
	t.Helper()
	want := map[string]int{}
	for after, more := w.from, true; more; {
		page := w.page(t, after)
		for _, e := range page.Events {
			want[e.ID]++
		}
		after, more = page.Next, page.More
	}
	for _, p := range w.tails {
		fleettest.Eventually(t, 30*time.Second, func() error { return sameEvents(t, p, want) })
		p.Kill()
	}
}

func sameEvents(t *testing.T, p *fleettest.Process, want map[string]int) error {
	t.Helper()
	if !p.Alive() {
		return fleettest.FinalError{Err: errors.New("the tail ended: " + p.Err.String())}
	}
	got := map[string]int{}
	for _, e := range fleettest.DecodeLines[struct {
		ID string `json:"id"`
	}](t, p.Out.String()) {
		got[e.ID]++
	}
	for id := range want {
		if got[id] != 1 {
			return fmt.Errorf("of %d events, event %s was printed %d times", len(want), id, got[id])
		}
	}
	return nil
}
