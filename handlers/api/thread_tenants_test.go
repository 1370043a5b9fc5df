package api_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestTenantsWhoseNamesBeginAlike: a list over all threads has those of its own tenant
// alone, also where it goes on from a place that another tenant was given.
func TestTenantsWhoseNamesBeginAlike(t *testing.T) {
	r := newRig(t)
	th, id := newThread(), v6()
	tenants := []string{"acme", "acme2", "acm", "acme-x"}
	own, places := map[string][]string{}, map[string]string{}
	for _, tenant := range tenants {
		mine := v6()
		r.taken(r.write("mia@"+tenant, th, put{id: id, metadata: `{"run_id":"r"}`}, put{id: mine, parent: id, metadata: `{"run_id":"r"}`}))
		own[tenant] = []string{mine, id}
	}
	for _, tenant := range tenants {
		for _, filter := range []m{nil, {"run_id": "r"}} {
			for _, limit := range []int{1, 100} {
				ask := m{"limit": limit}
				if filter != nil {
					ask["filter"] = filter
				}
				if got := r.threadList("mia@"+tenant, ask); !slices.Equal(got, own[tenant]) {
					t.Errorf("%s lists %v with %v, not %v", tenant, got, filter, own[tenant])
				}
			}
		}
		_, places[tenant] = r.threadPage("mia@"+tenant, m{"limit": 1})
	}
	for _, from := range tenants {
		for _, tenant := range tenants {
			for _, got := range r.threadList("mia@"+tenant, m{"cursor": places[from]}) {
				if !slices.Contains(own[tenant], got) {
					t.Errorf("%s lists %s after a place of %s", tenant, got, from)
				}
			}
		}
	}
}

// TestAFilterThatFindsLittle: one request looks at so many checkpoints and no more; the
// answer says where the next one goes on.
func TestAFilterThatFindsLittle(t *testing.T) {
	r := newRig(t)
	const threads, each = 9, 4 * 64
	oldest := v6()
	r.taken(r.write("mia@much", newThread(), put{id: oldest, metadata: `{"step":"first"}`}))
	for range threads {
		th := newThread()
		for range each / 64 {
			var puts []any
			for i := range 64 {
				puts = append(puts, put{id: v6(), metadata: fmt.Sprintf(`{"step":%d}`, i)})
			}
			r.taken(r.write("mia@much", th, puts...))
		}
	}
	ask := m{"filter": m{"step": "first"}, "values": false}
	page, next := r.threadPage("mia@much", ask)
	if len(page) != 0 || next == "" {
		t.Fatalf("one request has looked at %d checkpoints: %d found, next %q", threads*each+1, len(page), next)
	}
	if got := r.threadList("mia@much", ask); !slices.Equal(got, []string{oldest}) {
		t.Errorf("found are %v", got)
	}
}
