package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// TestDifference: what changed between two moments stands by channel and by item.
func TestDifference(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"go"}`)
	first, second, child := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	put := func(ts uuid.UUID, ns, channels string) {
		r.send("mia@acme", "POST", c.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"checkpoint_ns":%q,"checkpoint":{"channel_values":%s},"metadata":{}}`, ts, ns, channels)).want(201)
	}
	put(first, "", `{"messages":[{"id":"a","text":"hello"}],"plan":{"steps":1,"done":false},"same":"1","old":true}`)
	put(child, "child:1", `{"n":1}`)
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(200)
	put(second, "", `{"messages":[{"id":"a","text":"hello!"},{"id":"b"}],"plan":{"steps":2,"done":false},"same":"1","new":[1]}`)
	at := r.commitsOf(domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID})
	const want = `[{"channel":"messages","change":"changed","items":[{"index":0,"change":"changed","from":{"id":"a","text":"hello"},"to":{"id":"a","text":"hello!"}},{"index":1,"change":"added","to":{"id":"b"}}]},` +
		`{"channel":"new","change":"added","to":[1]},{"channel":"old","change":"removed","from":true},` +
		`{"channel":"plan","change":"changed","items":[{"key":"steps","change":"changed","from":1,"to":2}]}]`
	type difference struct {
		From, To struct {
			Position, Status string
			Checkpoint       *struct {
				ThreadTS uuid.UUID `json:"thread_ts"`
			}
		}
		Channels json.RawMessage
	}
	diff := func(from, to, more string) (d difference) {
		t.Helper()
		r.send("mia@acme", "GET", c.path("/diff?from="+url.QueryEscape(from)+"&to="+url.QueryEscape(to)+more), nil).want(200).into(&d)
		return d
	}
	for _, pair := range [][2]string{{first.String(), second.String()}, {at[1].String(), ""}, {at[3].String(), at[4].String()}, {first.String(), "2999-01-01T00:00:00Z"}} {
		d := diff(pair[0], pair[1], "")
		if string(d.Channels) != want || d.From.Checkpoint.ThreadTS != first || d.To.Checkpoint.ThreadTS != second || d.To.Status != "running" {
			t.Errorf("from %q to %q: %+v\n%s\nwant\n%s", pair[0], pair[1], d, d.Channels, want)
		}
	}
	if d := diff(at[0].String(), first.String(), ""); d.From.Checkpoint != nil || d.From.Status != "created" || len(d.Channels) < 100 {
		t.Errorf("from before the first checkpoint: %+v", d)
	}
	if d := diff(second.String(), second.String(), ""); string(d.Channels) != "[]" {
		t.Errorf("from one to itself: %s", d.Channels)
	}
	if d := diff(at[1].String(), at[2].String(), "&checkpoint_ns=child:1"); string(d.Channels) != `[{"channel":"n","change":"added","to":1}]` {
		t.Errorf("in another namespace: %s", d.Channels)
	}
	for query, field := range map[string]string{"": "from", "?from=x": "from", "?from=" + first.String() + "&to=x": "to", "?to=" + first.String(): "from"} {
		r.send("mia@acme", "GET", c.path("/diff"+query), nil).refused(400, domain.CodeInvalidField, field)
	}
	r.send("zoe@other", "GET", base+"/"+c.UUID.String()+"/diff?from="+at[0].String(), nil).refused(404, domain.CodeNotFound, "")
}
