package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	port "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/configured"
	owndirectory "github.com/duolog/duolog/handlers/directory/stored"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/internal/keystore"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/internal/telemetry"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/schemas"
)

const base = "/api/v4/ai/duo_workflows/workflows"

// rig is the API over a real log, dispatcher, projector and Postgres.
type rig struct {
	t      *testing.T
	cfg    api.Config
	api    *api.Server
	node   *nodetest.Node
	inbox  *inbox
	logs   *syncBuffer
	router routers.Router
	who    identity.Authenticator
	states stored.Source
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, nodetest.NewCluster(t))
}

func newRigOn(t *testing.T, c *nodetest.Cluster) *rig {
	t.Helper()
	node := c.Start(t, nodetest.Options{})
	codec, err := projections.NewCodec()
	must(t, err)
	snapshots, err := projections.NewSnapshots(node.DB.Read, nodetest.Partitions)
	must(t, err)
	db := cut.DB{Pool: node.DB.Read, Codec: codec, Partitions: nodetest.Partitions}
	keys, err := keystore.Open(filepath.Join(t.TempDir(), "keystore.jsonl"), time.Now)
	must(t, err)
	t.Cleanup(func() { _ = keys.Close() })
	who := identity.Authenticator{Keys: keys, Runs: identity.Runs{Keys: keys, Issuer: "https://duolog.example.com", Now: time.Now}}
	r := &rig{t: t, node: node, inbox: &inbox{}, logs: &syncBuffer{}, router: router(t), who: who, states: snapshots}
	r.cfg = api.Config{
		Log:      node.Log.Genesis().Log,
		Dispatch: node.Dispatch, Inbox: r.inbox,
		Queries: api.NewQueries(db), Schemas: schemas.Public,
		Auth: tokens{who}, Tokens: identity.Book{Keys: keys}, RunTokens: who.Runs, Permissions: asker(), Tools: permission.Guard{Next: node.Dispatch, States: snapshots, Asker: asker(), Now: time.Now}, Tenants: tenants{}, Flows: triggers(t, snapshots), FlowsOf: flowsOf,
		Ready: func(context.Context) error { return nil }, Gate: node.Visible, Changes: node.Visible,
		Metrics: http.NotFoundHandler(), Logger: slog.New(telemetry.NewContextual(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		Now: time.Now, NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) }, URL: "http://127.0.0.1:8080",
	}
	own, err := owndirectory.New(t.Context(), owndirectory.Config{
		Queries: r.cfg.Directory, Dispatch: node.Dispatch, Gate: node.Visible, Log: r.cfg.Log, Now: r.cfg.Now, NewID: r.cfg.NewID,
	})
	must(t, err)
	t.Cleanup(func() { _ = own.Close(context.WithoutCancel(t.Context())) })
	r.cfg.Directories = own
	return r.with(func(*api.Config) {})
}

// with is the same rig, configured otherwise.
func (r *rig) with(change func(*api.Config)) *rig {
	r.t.Helper()
	other := *r
	change(&other.cfg)
	var err error
	other.api, err = api.New(other.cfg)
	must(r.t, err)
	return &other
}

// on is the same rig in a subtest.
func (r *rig) on(t *testing.T) *rig {
	t.Helper()
	other := *r
	other.t = t
	return &other
}

// decoders teaches the contract's checks to read the head of a body with values, and to
// take files as they are.
var decoders = sync.OnceFunc(func() {
	openapi3filter.RegisterBodyDecoder("application/jsonl", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder(values.ContentType, headOf)
})

// contract finds what the contract says of a request. It is read once: that takes longer
// than most tests.
var contract = sync.OnceValues(func() (routers.Router, error) {
	decoders()
	doc, err := openapi3.NewLoader().LoadFromFile("../../schemas/openapi.yaml")
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

func router(t *testing.T) routers.Router {
	t.Helper()
	out, err := contract()
	must(t, err)
	return out
}

// reply is an answer that was held against the contract.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// send makes a request as somebody; headers come in pairs. The answer must be
// what the contract says, and so must a request that was taken.
func (r *rig) send(who, method, target string, body any, headers ...string) reply {
	r.t.Helper()
	content := bodyOf(r.t, body)
	req := httptest.NewRequestWithContext(r.t.Context(), method, target, bytes.NewReader(content))
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	out := reply{r.t, w.Code, w.Header(), w.Body.Bytes()}
	r.holdAgainstContract(req, content, out)
	if out.status == http.StatusInternalServerError {
		r.t.Logf("the log ends: %s", r.logs.tail())
	}
	return out
}

// plain makes a request that is not held against the contract.
func (r *rig) plain(who, target, body string) reply {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodPost, target, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+who)
	req.Header.Set("Content-Type", values.ContentType)
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	return reply{r.t, w.Code, w.Header(), w.Body.Bytes()}
}

func bodyOf(t *testing.T, body any) []byte {
	t.Helper()
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return []byte(b)
	case []byte:
		return b
	}
	raw, err := json.Marshal(body)
	must(t, err)
	return raw
}

func (r *rig) holdAgainstContract(req *http.Request, content []byte, out reply) {
	r.t.Helper()
	if out.header.Get("X-Request-Id") == "" {
		r.t.Errorf("%s %s: no X-Request-Id", req.Method, req.URL)
	}
	route, params, err := r.router.FindRoute(req)
	large := max(len(content), len(out.body)) > 1<<20 // validating takes a minute then
	if err != nil || large || out.header.Get("Content-Encoding") != "" {
		if out.status >= 400 {
			out.refusal()
		}
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(content))
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	if out.status < 400 && req.Header.Get("Content-Encoding") == "" {
		if err := openapi3filter.ValidateRequest(r.t.Context(), in); err != nil {
			r.t.Errorf("%s %s was taken against the contract: %v", req.Method, req.URL, err)
		}
	}
	err = openapi3filter.ValidateResponse(r.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: out.status, Header: out.header, Body: io.NopCloser(bytes.NewReader(out.body)), Options: options,
	})
	if err != nil {
		r.t.Errorf("%s %s answered against the contract: %v\n%s", req.Method, req.URL, err, out.body)
	}
}

type refusal struct{ Code, Message, Field, Fix, RequestID string }

func (a reply) refusal() refusal {
	a.t.Helper()
	var fields map[string]string
	if err := json.Unmarshal(a.body, &fields); err != nil || len(fields) != 5 || fields["request_id"] != a.header.Get("X-Request-Id") {
		a.t.Fatalf("status %d is not a refusal: %s", a.status, a.body)
	}
	return refusal{fields["code"], fields["message"], fields["field"], fields["fix"], fields["request_id"]}
}

// want fails the test unless the answer has the status.
func (a reply) want(status int) reply {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, not %d: %s", a.status, status, a.body)
	}
	return a
}

// refused fails the test unless the answer is that refusal.
func (a reply) refused(status int, code domain.Code, field string) refusal {
	a.t.Helper()
	e := a.want(status).refusal()
	if e.Code != string(code) || e.Field != field {
		a.t.Fatalf("refused with %s in %q, not %s in %q: %s", e.Code, e.Field, code, field, a.body)
	}
	return e
}

func (a reply) into(v any) reply {
	a.t.Helper()
	must(a.t, json.Unmarshal(a.body, v))
	return a
}

func (a reply) object() map[string]json.RawMessage {
	a.t.Helper()
	var out map[string]json.RawMessage
	a.into(&out)
	return out
}

// created is what tests need of a workflow.
type created struct {
	ID   int64     `json:"id"`
	UUID uuid.UUID `json:"uuid"`
	Run  *struct {
		ID    uuid.UUID `json:"id"`
		Epoch int       `json:"epoch"`
		Phase string    `json:"phase"`
	} `json:"run"`
	Status string `json:"status"`
}

func (c created) path(rest string) string { return base + "/" + strconv.FormatInt(c.ID, 10) + rest }

func (r *rig) create(who string, body any) created {
	r.t.Helper()
	var c created
	r.send(who, "POST", base, body).want(http.StatusCreated).into(&c)
	return c
}

// tokens reads who it is from the token: user@tenant, or
// run@tenant/workflow/run/epoch. Any other is a real one.
type tokens struct{ real entry.Authenticator }

func (t tokens) Authenticate(ctx context.Context, bearer string) (entry.Caller, error) {
	if t.real != nil && !strings.Contains(bearer, "@") {
		return t.real.Authenticate(ctx, bearer)
	}
	user, rest, ok := strings.Cut(bearer, "@")
	parts := strings.Split(rest, "/")
	id := entry.Caller{User: user, Tenant: domain.Tenant(parts[0])}
	if !ok || !id.Tenant.Valid() {
		return id, &domain.Error{Code: domain.CodeUnauthenticated, Message: "the token is not known", Fix: "duolog token create"}
	}
	if len(parts) == 4 {
		id.Workflow = uuid.MustParse(parts[1])
		epoch, err := strconv.Atoi(parts[3])
		if err != nil {
			return id, err
		}
		id.ServiceAccount = "duo-developer"
		id.Run = &domain.RunRef{ID: uuid.MustParse(parts[2]), Epoch: epoch}
	}
	return id, nil
}

func runToken(tenant string, c created, epoch int) string {
	return "mia@" + tenant + "/" + c.UUID.String() + "/" + c.Run.ID.String() + "/" + strconv.Itoa(epoch)
}

type tenants struct{}

var resolver = sync.OnceValue(func() flows.Resolver {
	catalog, err := flows.Load(schemas.Flows)
	if err != nil {
		panic(err)
	}
	return flows.Resolver{Catalog: catalog, Flags: flagOf}
})

// flagOf has every flag on in the project of the tenant flagged, and cannot tell it for
// the tenant lost.
func flagOf(_ context.Context, tenant domain.Tenant, _, path string) (bool, error) {
	if tenant == "lost" {
		return false, errors.New("the flags do not answer")
	}
	return tenant == "flagged" && path == "flagged/duo-workspace", nil
}

// enabled are the flows that may be started.
func enabled() []string {
	return []string{"developer/v1", "fix_pipeline/v1", "other/v1", "ai_catalog_agent"}
}

// defaultFlow is pinned by the tenant, except where a flag is looked for.
func defaultFlow(name domain.Tenant) workflow.Flow {
	if name == "flagged" || name == "lost" {
		return workflow.Flow{Definition: "developer/v1"}
	}
	return workflow.Flow{Definition: "developer/v1", ConfigID: "developer", SchemaVersion: "v1", Version: "2.0.0"}
}

// flowPolicy is what a tenant says of flows.
func flowPolicy(name domain.Tenant) flow.Policy {
	return flow.Policy{Default: defaultFlow(name), Own: enabled()}
}

func flowsOf(_ context.Context, name domain.Tenant, _ string) (flows.Tenant, error) {
	says := flowPolicy(name)
	says.Where, says.Settings = string(name), entities.FlowSettings{FoundationalAllowed: true, Enabled: enabled()}
	return resolver().Of(name, says), nil
}

func (tenants) Tenant(_ context.Context, name domain.Tenant) (entry.Tenant, error) {
	return entry.Tenant{
		Namespace:      &workflow.Container{ID: 7, Path: string(name)},
		Project:        &workflow.Container{ID: 42, Path: string(name) + "/duo-workspace"},
		ServiceAccount: "duo-developer", Engine: "local",
	}, nil
}

// theDirectory knows every tenant, each with a group of its name.
func theDirectory(name domain.Tenant) (configured.Tenant, error) {
	return configured.Tenant{
		Namespace: entities.Container{ID: 7, Path: string(name)}, Project: entities.Container{ID: 42, Path: string(name) + "/duo-workspace"},
		Flows: enabled(), ServiceAccount: "duo-developer",
	}, nil
}

// triggers decides what starts, on that directory and the states of a node.
func triggers(tb testing.TB, states stored.Source) *trigger.Trigger {
	tb.Helper()
	return triggersOn(tb, configured.New(theDirectory, time.Now), states)
}

// changeable is a directory that takes what a trigger needs.
type changeable interface {
	port.Directory
	port.Changer
}

func triggersOn(tb testing.TB, d changeable, states stored.Source) *trigger.Trigger {
	tb.Helper()
	out, err := trigger.New(trigger.Config{
		Directory: d, Changer: d, States: states,
		Flows: resolver(),
		Policy: func(name domain.Tenant) (trigger.Policy, bool) {
			return trigger.Policy{Policy: flowPolicy(name)}, true
		},
		Engine: func(context.Context, domain.Tenant, *workflow.Start) (placement.Decision, error) {
			return placement.Decision{Engine: "local", Reason: "the first that is allowed", Candidates: []placement.Candidate{{Engine: "local"}}}, nil
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// inbox holds envelopes as bytes, as the topic does.
type inbox struct {
	mu   sync.Mutex
	sent [][]byte
	err  error
}

func (i *inbox) Publish(_ context.Context, e dispatch.Envelope) error {
	b, err := e.Encode()
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err != nil {
		return i.err
	}
	i.sent = append(i.sent, b)
	return nil
}

// deliver carries out what was published, as the inbox's consumer does.
func (r *rig) deliver() []dispatch.Result {
	r.t.Helper()
	r.inbox.mu.Lock()
	sent := r.inbox.sent
	r.inbox.sent = nil
	r.inbox.mu.Unlock()
	var out []dispatch.Result
	for _, b := range sent {
		e, err := dispatch.DecodeEnvelope(b)
		must(r.t, err)
		req, err := e.Request()
		must(r.t, err)
		result, err := r.node.Dispatch.Do(r.t.Context(), req)
		must(r.t, err)
		out = append(out, result)
	}
	return out
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) tail() string {
	s := b.String()
	return s[max(0, len(s)-2000):]
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
