package gitlab_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAPageIsNoAnswer: something in front of GitLab answers that all is well, and does
// nothing. The run has ended only when what it leaves is removed, at the next look.
func TestAPageIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"branch": "*/branches/*", "token": "*/variables/*"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, 1, "true"), order()
			r.start(s)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for list := r.pipelines(s); len(list) == 0 || list[0].Status != "success"; list = r.pipelines(s) {
				<-tick.C
			}
			answer, err := http.Post(r.url+"/_fake/faults", "application/json", strings.NewReader(`{"kind":"nonsense","method":"DELETE","path":"`+path+`","times":1}`))
			if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusCreated {
				t.Fatalf("no fault: %v", err)
			}
			if end, err := r.Ended(t.Context(), runOf(s)); err == nil || !strings.Contains(err.Error(), "web page") {
				t.Errorf("it ended as %+v, %v", end, err)
			}
			r.ends(s)
			r.clean()
		})
	}
}
