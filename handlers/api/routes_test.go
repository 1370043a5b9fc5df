package api_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/internal/keystore"
)

// callers are the columns of the table.
var callers = []string{
	"no token", "expired", "wrong audience", "other tenant", "read-only", "member", "owner", "administrator",
	"run of this workflow", "its older epoch", "run of another workflow",
}

// grounds is what the routes are tried on: one workflow that runs, one that does not,
// and a token of each kind of caller.
type grounds struct {
	*rig
	running, idle, other created
	thread, ts, idleTS   string
	conversation         string
	delivery             uuid.UUID
	mail                 int64
	position             string
	file                 []byte
	tokens               map[string]string
}

const secret = "the secret of the workflow"

func newGrounds(r *rig) *grounds {
	g := &grounds{rig: r, ts: newTS(), idleTS: newTS()}
	body := `{"goal":"` + secret + `","start_workflow":true}`
	g.running, g.other = r.create("mia@acme", body), r.create("mia@acme", body)
	g.idle = r.create("mia@acme", `{"goal":"`+secret+`"}`)
	g.thread = g.running.UUID.String()
	for _, w := range []struct {
		c  created
		ts string
	}{{g.running, g.ts}, {g.idle, g.idleTS}} {
		r.send("mia@acme", "PATCH", w.c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
		r.send("mia@acme", "POST", w.c.path("/checkpoints"), `{"thread_ts":"`+w.ts+`","checkpoint":{"channel_values":{"a":1}},"metadata":{}}`).want(http.StatusCreated)
	}
	r.send("mia@acme", "PATCH", g.idle.path(""), `{"status_event":"pause"}`).want(http.StatusOK)
	var mail struct{ ID int64 }
	r.send("mia@acme", "POST", g.running.path("/events"), `{"event_type":"message","message":"go"}`).want(http.StatusCreated).into(&mail)
	g.mail = mail.ID
	var line struct {
		Events []struct{ Position string }
	}
	r.send("mia@acme", "GET", g.running.path("/timeline"), nil).want(http.StatusOK).into(&line)
	g.position, _, _ = strings.Cut(line.Events[0].Position, "@")
	_, sent := r.told(1)
	g.delivery = sent[0]
	g.conversation = r.message(`{"text":"hello","message_id":"hello"}`).Conversation.String()
	r.deliver()
	g.file = r.export("mia@acme", g.idle)
	r.send("mia@acme", "POST", dirPath+"/apply", `{"users":[{"login":"mia","admin":true},{"login":"sam"},{"login":"root","admin":true},{"login":"gone"}],
		"namespaces":[{"path":"acme","members":{"mia":"owner","sam":"owner"}}]}`).want(http.StatusOK)
	r.send("mia@acme", "DELETE", dirPath+"/users/gone", nil).want(http.StatusOK)
	g.tokens = g.everyToken()
	return g
}

func (g *grounds) everyToken() map[string]string {
	now := time.Now()
	person := func(tenant domain.Tenant, user string, scope access.Scope, expires time.Time) string {
		s, err := g.who.Keys.Add(g.t.Context(), keystore.Token{Kind: keystore.KindUser, Tenant: tenant, User: user, Scope: scope, ExpiresAt: expires})
		must(g.t, err)
		return s.Reveal()
	}
	run := func(c created, id uuid.UUID, epoch int) string {
		token, _, err := g.who.Runs.Mint(g.t.Context(), identity.Run{Tenant: "acme", Workflow: c.UUID, ID: id, Epoch: epoch, User: "mia", ServiceAccount: "duo-developer"})
		must(g.t, err)
		return token
	}
	return map[string]string{
		"no token": "", "expired": person("acme", "mia", "", now.Add(-time.Minute)), "wrong audience": g.elsewhere(),
		"other tenant": person("other", "eve", access.ScopeAdmin, time.Time{}), "read-only": person("acme", "mia", access.ScopeRead, time.Time{}),
		"member": person("acme", "sam", "", time.Time{}), "owner": person("acme", "mia", "", time.Time{}),
		"administrator":        person("acme", "root", access.ScopeAdmin, time.Time{}),
		"run of this workflow": run(g.running, g.running.Run.ID, 1), "its older epoch": run(g.running, uuid.New(), 0),
		"run of another workflow": run(g.other, g.other.Run.ID, 1),
	}
}

// elsewhere is a token that this deployment made, for others.
func (g *grounds) elsewhere() string {
	k, err := g.who.Keys.SigningKey(g.t.Context())
	must(g.t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: k.Private(), KeyID: k.ID}}, nil)
	must(g.t, err)
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"sub": "mia", "aud": "elsewhere", "exp": time.Now().Add(time.Hour).Unix(), "tenant": "acme", "wid": g.running.UUID, "run": g.running.Run.ID, "epoch": 1,
	}).Serialize()
	must(g.t, err)
	return token
}

// try makes a request for a route as one of the callers.
type try func(g *grounds, token string) reply

// get is a read of a path.
func get(path func(g *grounds) string) try {
	return func(g *grounds, token string) reply { return g.send(token, http.MethodGet, path(g), nil) }
}

func of(rest string) try { return get(func(g *grounds) string { return g.running.path(rest) }) }

func at(path string) try { return get(func(*grounds) string { return path }) }

// post is a write that can be repeated.
func post(method string, request func(g *grounds) (path string, body any)) try {
	return func(g *grounds, token string) reply {
		path, body := request(g)
		return g.send(token, method, path, body)
	}
}

func onThreads(endpoint string, body func(g *grounds) m) try {
	return func(g *grounds, token string) reply { return g.send(token, "POST", "/v1/threads/"+endpoint, body(g)) }
}

// tries is one request for each route.
func tries() map[string]try {
	const one = base + "/{id}"
	ofThread := func(g *grounds) m { return m{"thread_id": g.thread} }
	return map[string]try{
		"POST " + base:                      post("POST", func(*grounds) (string, any) { return base, `{"goal":"x"}` }),
		"GET " + base:                       at(base),
		"GET " + base + "/agent_privileges": at(base + "/agent_privileges"),
		"GET " + one:                        of(""),
		"PATCH " + one:                      post("PATCH", func(g *grounds) (string, any) { return g.running.path(""), `{"status_event":"start"}` }),
		"POST " + one + "/checkpoints": post("POST", func(g *grounds) (string, any) {
			return g.running.path("/checkpoints"), `{"thread_ts":"` + newTS() + `","checkpoint":{},"metadata":{}}`
		}),
		"GET " + one + "/checkpoints":                 of("/checkpoints"),
		"GET " + one + "/checkpoints/by_thread_ts":    get(func(g *grounds) string { return g.running.path("/checkpoints/by_thread_ts?thread_ts=" + g.ts) }),
		"GET " + one + "/checkpoints/{checkpoint_id}": get(func(g *grounds) string { return g.running.path("/checkpoints/" + g.checkpointNumber()) }),
		"POST " + one + "/checkpoint_writes_batch": post("POST", func(g *grounds) (string, any) {
			return g.running.path("/checkpoint_writes_batch"), `{"thread_ts":"` + g.ts + `","checkpoint_writes":[{"task":"t","idx":0,"channel":"c"}]}`
		}),
		"POST " + one + "/tool_calls":  post("POST", func(g *grounds) (string, any) { return g.running.path("/tool_calls"), `{"tool":"read_file"}` }),
		"POST " + one + "/fork":        post("POST", func(g *grounds) (string, any) { return g.idle.path("/fork"), `{"checkpoint":"` + g.idleTS + `"}` }),
		"POST " + one + "/branch":      post("POST", func(g *grounds) (string, any) { return g.idle.path("/branch"), `{"checkpoint":"` + g.idleTS + `"}` }),
		"GET " + one + "/fork_preview": get(func(g *grounds) string { return g.running.path("/fork_preview?checkpoint=" + g.ts) }),
		"GET " + one + "/export":       of("/export"),
		"POST /v1/workflows/import": func(g *grounds, token string) reply {
			return g.send(token, "POST", "/v1/workflows/import", g.file, "Content-Type", "application/jsonl")
		},
		"POST " + one + "/events": post("POST", func(g *grounds) (string, any) {
			return g.running.path("/events"), `{"event_type":"message","message":"go"}`
		}),
		"GET " + one + "/events": of("/events"),
		"PUT " + one + "/events/{event_id}": post("PUT", func(g *grounds) (string, any) {
			return g.running.path(fmt.Sprintf("/events/%d", g.mail)), `{"event_status":"delivered"}`
		}),
		"GET " + one + "/as_of":                       of("/as_of"),
		"GET " + one + "/diff":                        get(func(g *grounds) string { return g.running.path("/diff?from=" + g.ts) }),
		"GET " + one + "/timeline":                    of("/timeline"),
		"GET " + one + "/timeline/{position}/{index}": get(func(g *grounds) string { return g.running.path("/timeline/" + g.position + "/0") }),
		"GET /v1/events":                              at("/v1/events?limit=1"),
		"POST /v1/messages":                           post("POST", func(*grounds) (string, any) { return "/v1/messages", `{"text":"x"}` }),
		"GET /v1/conversations/{id}":                  get(func(g *grounds) string { return "/v1/conversations/" + g.conversation }),
		"POST /v1/conversations/{id}/retry": post("POST", func(g *grounds) (string, any) {
			return "/v1/conversations/" + g.conversation + "/retry", `{"message_id":"hello"}`
		}),
		"GET /v1/deliveries":            at("/v1/deliveries"),
		"GET /v1/deliveries/{id}":       get(func(g *grounds) string { return "/v1/deliveries/" + g.delivery.String() }),
		"POST /v1/deliveries/redeliver": post("POST", func(g *grounds) (string, any) { return "/v1/deliveries/redeliver", m{"ids": []any{g.delivery}} }),
		"POST /v1/threads/write": func(g *grounds, token string) reply {
			out := g.send(token, "POST", "/v1/threads/write", threadBody(g.t, g.thread, put{id: v6()}), "Content-Type", values.ContentType)
			var w written
			if json.Unmarshal(out.body, &w) == nil && len(w.Results) == 1 && w.Results[0].Error != nil && w.Results[0].Error.Code == string(domain.CodeStaleRun) {
				out.status = http.StatusConflict // each operation has its own answer
			}
			return out
		},
		"POST /v1/threads/get":     onThreads("get", ofThread),
		"POST /v1/threads/list":    onThreads("list", func(*grounds) m { return m{} }),
		"POST /v1/threads/history": onThreads("history", func(g *grounds) m { return m{"thread_id": g.thread, "channels": []string{"a"}} }),
		"POST /v1/threads/delete":  onThreads("delete", ofThread),
		"POST /v1/threads/prune":   onThreads("prune", func(g *grounds) m { return m{"thread_ids": []string{g.thread}} }),
		"POST /v1/threads/delete_runs": onThreads("delete_runs", func(g *grounds) m {
			g.taken(g.write("mia@acme", g.thread, put{id: v6(), metadata: `{"run_id":"r"}`}))
			return m{"run_ids": []string{"r"}}
		}),
		"POST /v1/threads/copy":      onThreads("copy", func(g *grounds) m { return m{"source": g.thread, "target": newThread()} }),
		"POST /v1/threads/retention": onThreads("retention", func(g *grounds) m { return m{"thread_id": g.thread, "ttl_seconds": 3600} }),
		"POST /v1/tokens":            post("POST", func(*grounds) (string, any) { return "/v1/tokens", `{"name":"x","scope":"read"}` }),
		"GET /v1/tokens":             at("/v1/tokens"),
		"DELETE /v1/tokens/{id}": func(g *grounds, token string) reply {
			return g.send(token, "DELETE", "/v1/tokens/"+g.tokenOf(token).String(), nil)
		},
		"GET /v1/flows":                     at("/v1/flows"),
		"GET /v1/flows/{reference}":         at("/v1/flows/developer%2Fv1"),
		"GET /v1/flows/{reference}/resolve": at("/v1/flows/developer%2Fv1/resolve"),
		"POST " + one + "/resume":           resumeWaiting,
		"POST /v1/gitlab/hooks":             post("POST", func(*grounds) (string, any) { return "/v1/gitlab/hooks", `{"object_kind":"pipeline"}` }),
		"GET " + dirPath + "/users":         at(dirPath + "/users"),
		"GET " + dirPath + "/users/{login}": at(dirPath + "/users/sam"),
		"PUT " + dirPath + "/users/{login}": post("PUT", func(*grounds) (string, any) {
			return dirPath + "/users/u" + uuid.NewString()[:8], `{"create":true}`
		}),
		"DELETE " + dirPath + "/users/{login}": func(g *grounds, token string) reply {
			return g.send(token, "DELETE", dirPath+"/users/gone", nil) // nothing is left to do
		},
		"GET " + dirPath + "/namespaces": at(dirPath + "/namespaces"),
		"POST " + dirPath + "/namespaces/{root}/changes": post("POST", func(*grounds) (string, any) {
			return dirPath + "/namespaces/acme/changes", `{"changes":[{"create_group":{"path":"acme/g` + uuid.NewString()[:8] + `"}}]}`
		}),
		"GET " + dirPath + "/containers":           at(dirPath + "/containers?in=acme"),
		"GET " + dirPath + "/containers/{ref}":     at(dirPath + "/containers/acme"),
		"GET " + dirPath + "/members":              at(dirPath + "/members?in=acme"),
		"GET " + dirPath + "/service_accounts":     at(dirPath + "/service_accounts?in=acme"),
		"GET " + dirPath + "/flows":                at(dirPath + "/flows?in=acme"),
		"GET " + dirPath + "/flags":                at(dirPath + "/flags?in=acme"),
		"GET " + dirPath + "/check":                at(dirPath + "/check?login=mia&path=acme"),
		"GET " + dirPath + "/export":               at(dirPath + "/export"),
		"POST " + dirPath + "/apply":               post("POST", func(*grounds) (string, any) { return dirPath + "/apply?dry_run=true", `{}` }),
		"GET " + dirPath + "/timeline/{kind}/{id}": get(func(g *grounds) string { return dirPath + "/timeline/" + g.sam() }),
		"GET " + dirPath + "/timeline/{kind}/{id}/{position}/{index}": get(func(g *grounds) string {
			return dirPath + "/timeline/" + g.sam() + "/" + g.ofSam() + "/0"
		}),
		"GET /v1/access/explain":     at("/v1/access/explain?flow=developer/v1&project=acme/site"),
		"POST /v1/token/renew":       post("POST", func(*grounds) (string, any) { return "/v1/token/renew", nil }),
		"GET /.well-known/jwks.json": at("/.well-known/jwks.json"),
		"GET /schemas/{path...}":     at("/schemas/openapi.yaml"),
		"GET /healthz":               at("/healthz"),
		"GET /readyz":                at("/readyz"),
		"GET /metrics":               at("/metrics"),
	}
}

// resumeWaiting decides about a workflow that waits for it.
func resumeWaiting(g *grounds, token string) reply {
	w := g.create("mia@acme", `{"goal":"`+secret+`"}`)
	if who, err := g.who.Authenticate(g.t.Context(), token); err == nil && who.Run != nil {
		w = g.running
	}
	for _, event := range []string{"start", "require_plan_approval"} {
		if w.ID != g.running.ID {
			g.send("mia@acme", "PATCH", w.path(""), `{"status_event":"`+event+`"}`).want(http.StatusOK)
		}
	}
	return g.send(token, "POST", w.path("/resume"), `{"human_approval":true}`)
}

// sam is the stream of sam.
func (g *grounds) sam() string {
	var found struct{ Stream string }
	g.send("mia@acme", "GET", dirPath+"/users/sam", nil).want(http.StatusOK).into(&found)
	return found.Stream
}

// ofSam is the position of the event that sam came with.
func (g *grounds) ofSam() string {
	var line struct {
		Events []struct{ Position string }
	}
	g.send("mia@acme", "GET", dirPath+"/timeline/"+g.sam(), nil).want(http.StatusOK).into(&line)
	position, _, _ := strings.Cut(line.Events[0].Position, "@")
	return position
}

func (g *grounds) checkpointNumber() string {
	var rows []struct{ ID json.Number }
	g.send("mia@acme", "GET", g.running.path("/checkpoints"), nil).want(http.StatusOK).into(&rows)
	return rows[0].ID.String()
}

// tokenOf makes a token of the caller's own, or of mia where they have none.
func (g *grounds) tokenOf(bearer string) uuid.UUID {
	owner := "mia"
	if who, err := g.who.Authenticate(g.t.Context(), bearer); err == nil && who.Tenant == "acme" && who.User != "root" {
		owner = who.User
	}
	s, err := g.who.Keys.Add(g.t.Context(), keystore.Token{Kind: keystore.KindUser, Tenant: "acme", User: owner})
	must(g.t, err)
	t, err := g.who.Keys.Lookup(g.t.Context(), s)
	must(g.t, err)
	return t.ID
}

// expected is the cell of the table, as the rule of the route makes it; 0 is an answer
// that is no refusal.
func expected(rule api.Rule, caller string) int {
	run := strings.Contains(caller, "epoch") || strings.HasPrefix(caller, "run")
	switch {
	case rule.Names == api.NamesHook:
		return http.StatusUnauthorized
	case rule.Scope == "" && rule.Runs == api.RunsAny:
		return 0
	case caller == "no token" || caller == "wrong audience" || caller == "expired" && (rule.Runs != api.RunsOnly || rule.Scope != ""):
		return http.StatusUnauthorized
	case rule.Runs == api.RunsOnly && !run, rule.Runs == api.RunsNever && run:
		return http.StatusForbidden
	case caller == "read-only" && rule.Scope != access.ScopeRead:
		return http.StatusForbidden
	case caller == "its older epoch" && rule.Runs != api.RunsAny:
		return http.StatusConflict
	case caller == "other tenant" && rule.Names == api.NamesThing, caller == "run of another workflow" && rule.Names != api.NamesNothing:
		return http.StatusNotFound
	}
	return 0
}

// TestE4EveryRouteForEveryCaller crosses all routes with all callers. A route that has
// no rule, or no request here, fails.
func TestE4EveryRouteForEveryCaller(t *testing.T) {
	r := newRig(t).with(func(c *api.Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/plain") })
	})
	rules, requests := api.Rules(), tries()
	if routes := slices.Sorted(maps.Keys(rules)); !slices.Equal(routes, slices.Sorted(maps.Keys(requests))) {
		t.Fatalf("the routes are %v, tried are %v", routes, slices.Sorted(maps.Keys(requests)))
	}
	writeTable(t, rules)
	g := newGrounds(r)
	// What removes is tried last.
	patterns := slices.Sorted(maps.Keys(rules))
	slices.SortStableFunc(patterns, func(a, b string) int { return removes(a) - removes(b) })
	for _, pattern := range patterns {
		for _, caller := range callers {
			got := requests[pattern](g, g.tokens[caller])
			want := expected(rules[pattern], caller)
			if want == 0 && got.status >= 400 || want != 0 && got.status != want {
				t.Errorf("%s: %s is answered %d, not %d: %s", pattern, caller, got.status, want, got.body)
			}
			if caller == "other tenant" && pattern != "POST /v1/workflows/import" && strings.Contains(string(got.body), secret) {
				t.Errorf("%s: another tenant reads %s", pattern, got.body)
			}
		}
	}
}

func removes(pattern string) int {
	if strings.HasSuffix(pattern, "/threads/delete") {
		return 1
	}
	return 0
}

var update = flag.Bool("update", false, "write the table of routes in docs/identity.md")

// The table of routes stands between these lines of the page.
const (
	page       = "../../docs/identity.md"
	tableBegin = "<!-- routes: go test ./handlers/api -run TestE4EveryRouteForEveryCaller -update -->\n"
	tableEnd   = "<!-- end -->\n"
)

// writeTable holds the page against what is tried: people read what is true.
func writeTable(t *testing.T, rules map[string]api.Rule) {
	t.Helper()
	raw, err := os.ReadFile(page)
	must(t, err)
	before, rest, ok := strings.Cut(string(raw), tableBegin)
	old, after, ended := strings.Cut(rest, tableEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for the table of routes", page)
	}
	if table := tableOf(rules); *update {
		must(t, os.WriteFile(page, []byte(before+tableBegin+table+tableEnd+after), 0o600))
	} else if table != old {
		t.Errorf("%s has another table of routes: go test ./handlers/api -run TestE4EveryRouteForEveryCaller -update", page)
	}
}

func tableOf(rules map[string]api.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n| route | scope | %s |\n|---|---|%s\n", strings.Join(callers, " | "), strings.Repeat("---|", len(callers)))
	for _, pattern := range slices.SortedFunc(maps.Keys(rules), byPath) {
		scope := cmp.Or(string(rules[pattern].Scope), "–")
		fmt.Fprintf(&b, "| `%s` | %s |", pattern, scope)
		for _, caller := range callers {
			if status := expected(rules[pattern], caller); status == 0 {
				b.WriteString(" ✓ |")
			} else {
				fmt.Fprintf(&b, " %d |", status)
			}
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}

func byPath(a, b string) int {
	methodA, pathA, _ := strings.Cut(a, " ")
	methodB, pathB, _ := strings.Cut(b, " ")
	return cmp.Or(cmp.Compare(pathA, pathB), cmp.Compare(methodA, methodB))
}
