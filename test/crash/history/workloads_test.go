package history_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/test/crash/history"
)

func TestPipelinesAreComparedWithTheLog(t *testing.T) {
	t.Parallel()
	const (
		inside  = `{"run":"0198a3f0-7c1e-7b55-9d2f-0000000000aa","engine":"local"}`
		first   = `{"run":"0198a3f0-7c1e-7b55-9d2f-0000000000bb","engine":"gitlab"}`
		second  = `{"run":"0198a3f0-7c1e-7b55-9d2f-0000000000cc","engine":"gitlab"}`
		started = "run_started"
	)
	log := events(
		t, "run_requested", inside, "run_attempted", inside, started, inside,
		"run_requested", first, "run_attempted", first, started, first, "run_requested", second, "run_attempted", second,
	)
	stream := log.Accepted[0][0].Stream
	of := func(stream domain.StreamID, run string) history.Pipeline {
		return history.Pipeline{Stream: stream, Run: uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-0000000000" + run)}
	}
	other := stream
	other.Tenant = "other"
	for name, c := range map[string]struct {
		made []history.Pipeline
		want []string
	}{
		"one of the run that has started":  {[]history.Pipeline{of(stream, "bb")}, nil},
		"one whose answer was lost":        {[]history.Pipeline{of(stream, "bb"), of(stream, "cc")}, nil},
		"none":                             {nil, []string{"each run that started has its pipeline"}},
		"two of a run":                     {[]history.Pipeline{of(stream, "bb"), of(stream, "bb")}, []string{"one pipeline for each run"}},
		"one of a run of another engine":   {[]history.Pipeline{of(stream, "bb"), of(stream, "aa")}, []string{"each pipeline is that of a run"}},
		"one of another tenant's workflow": {[]history.Pipeline{of(stream, "bb"), of(other, "cc")}, []string{"each pipeline is that of a run"}},
		"one that is nobody's":             {[]history.Pipeline{of(stream, "bb"), {}}, []string{"each pipeline is that of a run"}},
	} {
		if got := checks(history.Workloads(log, c.made)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestEachOrderIsOneWorkflow(t *testing.T) {
	t.Parallel()
	log := events(t, "created", `{"trigger":{"message_id":"m1"}}`, "created", `{"trigger":{"source":"api"}}`)
	key := uuid.New()
	log.Accepted[0][1].Commit.Command = journal.CommandRef{ID: key}
	message, start := history.Order{Tenant: "acme", Goal: "m1"}, history.Order{Tenant: "acme", Goal: "m2", Command: key}
	for name, c := range map[string]struct {
		orders []history.Order
		want   []string
	}{
		"both":                        {[]history.Order{message, start}, nil},
		"one was never begun":         {[]history.Order{message, start, {Tenant: "acme", Goal: "m3"}}, []string{"each order is one workflow"}},
		"one was not asked for":       {[]history.Order{message}, []string{"nothing from nowhere"}},
		"the same in another's":       {[]history.Order{message, start, {Tenant: "other", Goal: "m1"}}, []string{"each order is one workflow"}},
		"tenants that nobody asks of": {nil, nil},
	} {
		if got := checks(history.Begun(log, c.orders)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	log.Accepted[0] = append(log.Accepted[0], log.Accepted[0][0])
	if got := checks(history.Begun(log, []history.Order{message, start})); !slices.Equal(got, []string{"each order is one workflow"}) {
		t.Errorf("two workflows of a message: %v", got)
	}
}
