package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestCommandsOfTheTimeTravelPage runs what docs/time-travel.md tells people to type to
// read the past, on a workflow of its own.
func TestCommandsOfTheTimeTravelPage(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 20*time.Millisecond)
	n := f.Node("a", "")
	n.Start()
	user := f.User(n.Base)
	w := began(t, user)
	events := fleettest.TimelineOf(t, user, fmt.Sprint(w.ID))
	rows := fleettest.Decode[[]struct {
		ThreadTS string `json:"thread_ts"`
	}](t, user.Get(t, fmt.Sprintf("/workflows/%d/checkpoints", w.ID)))
	here := strings.NewReplacer(
		"1003", fmt.Sprint(w.ID), "3:1042", events[1].Position, "2026-11-21T10:00:00Z", events[2].Time.Format(time.RFC3339Nano),
		"01a21a8f-c882-7cab-861f-81ba7af1e1d3", rows[1].ThreadTS, "01a21a8f-c897-75ca-b051-e6d36844b52b", rows[0].ThreadTS,
	)
	env := []string{
		"DUOLOG_URL=" + n.Base, "DUOLOG_TOKEN=" + f.Token, "DUOLOG_BROKERS=" + f.Brokers, "DUOLOG_TOPIC_PREFIX=" + f.Prefix, "DUOLOG_DATABASE_URL=" + f.Database,
	}
	ran := map[string]int{}
	for _, line := range commandsOf(t, "docs", "time-travel.md") {
		command, _, _ := strings.Cut(here.Replace(line), " #")
		words := strings.Fields(command)
		switch {
		case len(words) < 3 || words[0] != "duolog":
			continue
		case words[1] == "serve":
			serving(t, f, words[5]) // --config FILE --read-schema SCHEMA
		case words[1] == "projection", words[1] == "workflow" && readsThePast(words[2]):
			if r := fleettest.Command(t, f.Dir, env, words[1:]...); r.Code != 0 || r.Out == "" {
				t.Errorf("%s: exit code %d\n%s%s", command, r.Code, r.Out, r.Err)
			}
		default:
			continue
		}
		ran[words[1]+" "+words[2]]++
	}
	for _, name := range []string{"workflow page", "workflow show", "workflow checkpoints", "workflow timeline", "workflow diff", "projection rebuild", "serve --config", "projection drop"} {
		if ran[name] == 0 {
			t.Errorf("the page does not run duolog %s", name)
		}
	}
}

func readsThePast(command string) bool {
	switch command {
	case "page", "show", "checkpoints", "timeline", "diff":
		return true
	}
	return false
}
