package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
)

func TestThreadCopies(t *testing.T) {
	r := newRig(t)
	source, target := newThread(), newThread()
	long := strings.Repeat("long ", 500)
	var ids []string
	for i := range 70 {
		id := v6()
		p := put{id: id, versions: fmt.Sprintf(`{"a":%d,"b":1}`, i), values: map[string]string{"a": fmt.Sprint(i) + long}, metadata: fmt.Sprintf(`{ "step":%d}`, i)}
		if i == 0 {
			p.values["b"] = "B" + long
		} else {
			p.parent = ids[i-1]
		}
		r.taken(r.write("mia@acme", source, p, pend{id: id, task: "t", writes: []string{"0:a:1", "1:b:2"}}, pend{id: id, task: "u", writes: []string{"-1:__error__:1"}}))
		ids = append(ids, id)
	}
	sub := v6()
	r.taken(r.write("mia@acme", source, put{ns: "sub:1", id: sub, versions: `{"x":1}`, values: map[string]string{"x": "y"}}))
	copied := func(source, target string) int {
		var out struct{ Checkpoints int }
		r.send("mia@acme", "POST", "/v1/threads/copy", m{"source": source, "target": target}).want(http.StatusOK).into(&out)
		return out.Checkpoints
	}
	same := func() {
		for _, at := range append([][2]string{{"sub:1", sub}}, [2]string{"", ids[0]}, [2]string{"", ids[31]}, [2]string{"", ids[69]}) {
			a, b := r.t, at
			a.Helper()
			wantChannels, wantWrites := r.state(source, b[0], b[1])
			channels, writes := r.state(target, b[0], b[1])
			if !cmp.Equal(wantChannels, channels) || !cmp.Equal(wantWrites, writes) {
				a.Errorf("checkpoint %v of the copy differs: %s", at, cmp.Diff(wantWrites, writes))
			}
		}
	}
	if n := copied(newThread(), newThread()); n != 0 {
		t.Errorf("%d checkpoints of nothing", n)
	}
	for range 2 { // again it is the same
		if n := copied(source, target); n != 71 {
			t.Errorf("%d checkpoints", n)
		}
		same()
	}
	var bytes [2]int64
	for i, th := range []string{source, target} {
		must(t, r.node.DB.Read.QueryRow(t.Context(), `SELECT coalesce(sum(length(data)), 0) FROM blobs WHERE stream = $1`, projections.ShortKeyOf(workflow.ThreadStream("acme", th).String())).Scan(&bytes[i]))
	}
	if bytes[1] > bytes[0] {
		t.Errorf("the copy has %d bytes, its source %d", bytes[1], bytes[0])
	}
	// The copy stands by itself, and goes on.
	r.send("mia@acme", "POST", "/v1/threads/delete", m{"thread_id": source}).want(http.StatusOK)
	next := v6()
	r.taken(r.write("mia@acme", target, put{id: next, parent: ids[69], versions: `{"a":69,"b":1}`}))
	r.channels(target, next, map[string]string{"a": "msgpack:69" + long, "b": "msgpack:B" + long})
	// A thread that was deleted may be a target.
	if n := copied(target, source); n != 72 {
		t.Errorf("%d checkpoints", n)
	}
	r.channels(source, next, map[string]string{"a": "msgpack:69" + long, "b": "msgpack:B" + long})
	other := newThread()
	r.taken(r.write("mia@acme", other, put{id: v6()}))
	r.send("mia@acme", "POST", "/v1/threads/copy", m{"source": source, "target": other}).refused(409, domain.CodeConflict, "target")
	r.send("mia@acme", "POST", "/v1/threads/copy", m{"source": source, "target": source}).refused(400, domain.CodeInvalidField, "target")
	r.send("mia@acme", "POST", "/v1/threads/copy", m{"source": source}).refused(400, domain.CodeInvalidField, "target")
	// What the Duo API saved is copied as it is.
	c := r.create("mia@acme", `{"goal":"copied"}`)
	ts := newTS()
	r.save(c, fmt.Sprintf(`{"thread_ts":%q,"metadata":{},"checkpoint":{"v":4,"channel_values":{"a":[1, 2]},"channel_versions":{"a":"3"}}}`, ts))
	duo := newThread()
	copied(c.UUID.String(), duo)
	r.channels(duo, ts, map[string]string{"a": "json:[1, 2]"})
}
