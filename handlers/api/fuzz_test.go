package api_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/directory/configured"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/internal/fuzztest"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/schemas"
)

// never carries nothing out, and keeps what it was asked for.
type never struct{ asked []dispatch.Request }

func (n *never) Do(_ context.Context, r dispatch.Request) (dispatch.Result, error) {
	n.asked = append(n.asked, r)
	return dispatch.Result{}, &domain.Error{Code: domain.CodeNotNow, Message: "never"}
}

func (n *never) DoAll(ctx context.Context, rs []dispatch.Request) []dispatch.Answer {
	out := make([]dispatch.Answer, len(rs))
	for i, r := range rs {
		out[i].Result, out[i].Err = n.Do(ctx, r)
	}
	return out
}

func (n *never) Load(_ context.Context, id domain.StreamID, _ projections.SnapshotWant) (*projections.Snapshot, error) {
	return &projections.Snapshot{Stream: id}, nil
}

func (n *never) Blob(context.Context, domain.StreamID, value.Address) ([]byte, error) {
	return nil, context.DeadlineExceeded
}

func (n *never) Ready(context.Context) error                 { return context.DeadlineExceeded }
func (n *never) Wait(context.Context, domain.Position) error { return context.DeadlineExceeded }
func (n *never) Next(int32) int64                            { return 0 }

// bare is the API over nothing: requests are read, and that is all.
func bare(f *testing.F, n *never) *api.Server {
	f.Helper()
	db := cut.DB{Partitions: 4}
	s, err := api.New(api.Config{
		Dispatch: n, Inbox: &inbox{}, Gate: n, Changes: n, Auth: tokens{}, Tokens: identity.Book{}, RunTokens: identity.Runs{}, Permissions: permission.Asker{}, Tools: permission.Guard{},
		Tenants: tenants{}, Directories: configured.New(nil, time.Now), Flows: triggers(f, n), FlowsOf: flowsOf,
		Queries: api.NewQueries(db), Schemas: schemas.Public,
		Ready: n.Ready, Metrics: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler),
		Now: time.Now, NewID: uuid.New, Log: uuid.MustParse("0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a"),
		Limits: api.Limits{MaxBody: 256 << 10, MaxCompressed: 64 << 10},
	})
	if err != nil {
		f.Fatal(err)
	}
	return s
}

const one = base + "/0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a"

// endpoints that take a body.
var endpoints = []string{
	"POST " + base, "POST " + one + "/checkpoints", "POST " + one + "/checkpoint_writes_batch", "PATCH " + one, "POST /v1/messages", "POST " + one + "/events",
	"POST /v1/threads/get", "POST /v1/threads/list", "POST /v1/threads/history",
}

// FuzzBodies: any body of any endpoint is taken or refused as people can
// understand, within bounds, plain, compressed and for later.
func FuzzBodies(f *testing.F) {
	const ts = "0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d"
	f.Add(uint8(0), []byte(`{"goal":"\ud83d\ude00","agent_privileges":[1,2],"additional_context":[{"a":1}],"messaging_callback_context":{"adapter":"slack"},"project_id":42}`))
	f.Add(uint8(1), []byte(`{"thread_ts":"`+ts+`","parent_ts":null,"checkpoint":{"v":4,"channel_values":{"a":[1,{"b":"\u0000"}]}},"metadata":{"step":1},"current_thread":-1}`))
	f.Add(uint8(1), fmt.Appendf(nil, `{"thread_ts":"%s","compressed_checkpoint":"%s"}`, ts, deflated(`{"v":4,"channel_values":{}}`)))
	f.Add(uint8(1), fmt.Appendf(nil, `{"thread_ts":"%s","compressed_checkpoint":"%s"}`, ts, deflated("{"+strings.Repeat(" ", 1<<20)+"}")))
	f.Add(uint8(2), []byte(`{"thread_ts":"`+ts+`","checkpoint_writes":[{"task":"t","idx":-1,"channel":"c","write_type":"json","data":"{}"}]}`))
	f.Add(uint8(3), []byte(`{"status_event":"stop","reason":"\ud800"}`))
	f.Add(uint8(4), []byte(`{"text":"what changed?","thread":"1","flow":"developer/v1"}`))
	f.Add(uint8(4+5), []byte(`{"a":1,"a":1}`))
	f.Add(uint8(10), []byte(strings.Repeat("[", 1000)))
	f.Add(uint8(6), []byte(`{"thread_id":"a/b \u0000","checkpoint_ns":"","checkpoint_id":"`+ts+`"}`))
	f.Add(uint8(7), []byte(`{"thread_id":"`+ts+`","filter":{"n":1e9},"before":"`+ts+`","limit":7,"values":false,"cursor":"`+strings.Repeat("A", 64)+`"}`))
	n := &never{}
	s := bare(f, n)
	f.Fuzz(func(t *testing.T, how uint8, body []byte) {
		n.asked = nil
		taken(t, s, request(how, body), len(body))
		for _, r := range n.asked {
			if c, ok := r.Workflow.(*workflow.SaveCheckpoint); ok && c.Prepare() != nil {
				t.Errorf("a checkpoint was taken that cannot be: %v", c.Prepare())
			}
			if _, err := dispatch.NewEnvelope(r); err != nil {
				t.Errorf("a command was taken that cannot be written: %v", err)
			}
		}
	})
}

// request sends a body to one of the endpoints: plain, compressed, or to be
// carried out later.
func request(how uint8, body []byte) *http.Request {
	method, path, _ := strings.Cut(endpoints[int(how)%len(endpoints)], " ")
	way := int(how) / len(endpoints) % 3
	if way == 1 {
		body = gzipped(body)
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	switch way {
	case 1:
		r.Header.Set("Content-Encoding", "gzip")
	case 2:
		r.Header.Set("Prefer", "respond-async")
	}
	return r
}

// taken says that a request is answered as the contract says.
func taken(t *testing.T, s *api.Server, r *http.Request, size int) {
	t.Helper()
	r.Header.Set("Authorization", "Bearer mia@acme")
	w := httptest.NewRecorder()
	fuzztest.Bounded(t, size, func() { s.ServeHTTP(w, r) })
	switch w.Code {
	case http.StatusAccepted, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusServiceUnavailable:
	default:
		t.Errorf("%s %s is answered %d %s", r.Method, r.URL, w.Code, w.Body)
	}
}

// FuzzUnpack: bytes that claim to be compressed are refused or read, within the
// limits of a body, however large they say they become.
func FuzzUnpack(f *testing.F) {
	f.Add(false, gzipped([]byte(`{"goal":"compressed"}`)))
	f.Add(false, gzipped(bytes.Repeat([]byte(" "), 8<<20)))
	f.Add(true, inflatable(`{"v":4}`))
	f.Add(true, inflatable(strings.Repeat(" ", 8<<20)))
	s := bare(f, &never{})
	f.Fuzz(func(t *testing.T, field bool, packed []byte) {
		if field {
			body := fmt.Sprintf(`{"thread_ts":"0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d","compressed_checkpoint":"%s"}`, base64.StdEncoding.EncodeToString(packed))
			taken(t, s, httptest.NewRequest("POST", one+"/checkpoints", strings.NewReader(body)), len(body))
			return
		}
		r := httptest.NewRequest("POST", base, bytes.NewReader(packed))
		r.Header.Set("Content-Encoding", "gzip")
		taken(t, s, r, len(packed))
	})
}

// FuzzQueries: cursors, pages, namespaces and ids of reads are taken or refused
// as people can understand.
func FuzzQueries(f *testing.F) {
	for _, q := range []string{"page=2&per_page=1000", "after=3:1042@0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a&limit=0", "after=0:1.3:1042@0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a&type=a", "wait=-1", "thread_ts=x&checkpoint_ns=%00", "a=%zz", "page=1&page=2", "state=delivered&since=2026-11-21T10:00:00Z&until=x&missing=true&workflow=1003"} {
		f.Add("1003", q)
		f.Add("0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a", q)
	}
	s := bare(f, &never{})
	f.Fuzz(func(t *testing.T, id, query string) {
		one := base + "/" + url.PathEscape(id)
		for _, path := range []string{base, one, one + "/timeline", one + "/checkpoints", one + "/checkpoints/by_thread_ts", one + "/fork_preview", "/v1/events", "/v1/deliveries", "/v1/deliveries/" + url.PathEscape(id)} {
			r := httptest.NewRequest("GET", base, nil)
			u, err := url.Parse(path)
			if err != nil {
				return
			}
			r.URL, r.URL.RawQuery = u, query
			taken(t, s, r, len(id)+len(query))
		}
	})
}

func gzipped(raw []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(raw)
	_ = z.Close()
	return b.Bytes()
}

func inflatable(text string) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

func deflated(text string) string { return base64.StdEncoding.EncodeToString(inflatable(text)) }
