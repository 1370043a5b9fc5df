package webhook_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/adapter/webhook"
	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// gone are the targets that answered 410.
type gone map[string]bool

func (g gone) Gone(_ context.Context, _ domain.Tenant, target string) (bool, error) {
	if g[""] {
		return false, errors.New("the database is away")
	}
	return g[target], nil
}

// hookTo is a hook of tenant acme at an address.
func hookTo(t *testing.T, address string) webhook.Hook {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var keys []standard.Key
	for range 2 {
		k, err := standard.ParseKey(standard.NewSecret())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return webhook.Hook{Name: "ci", URL: u, Keys: keys}
}

func adapterFor(t *testing.T, h webhook.Hook, timeout time.Duration, g gone) *webhook.Adapter {
	t.Helper()
	a, err := webhook.New(webhook.Config{
		Hooks: webhook.Book{"acme": {h}}, Client: webhook.NewClient(webhook.ClientConfig{Allow: loopback, Timeout: timeout}),
		Gone: g, URL: "https://duolog.example.com", Agent: "duolog", Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func delivery(kind workflow.DeliveryKind) adapter.Delivery {
	d := adapter.Delivery{
		ID: uuid.MustParse("8d4e2f10-9b7a-5e33-b1c2-a0b1c2d3e4f5"), Attempt: 1, Try: 1, At: now.Add(-time.Minute), Kind: kind, Hook: "ci", Message: "done",
		Flow: adapter.Flow{Tenant: "acme", Workflow: uuid.MustParse("0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a"), Number: 1003, Definition: "developer/v1", Status: workflow.StatusFinished, Title: "fix it"},
	}
	if kind == workflow.DeliverEvent {
		d.Event, d.Message = payload.Started, `{"type":"flow.started","data":{"number":1003}}`
	}
	return d
}

// tell makes one attempt at a receiver that does what the handler does.
func tell(t *testing.T, d adapter.Delivery, timeout time.Duration, handler http.HandlerFunc) adapter.Outcome {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	return adapter.Send(t.Context(), adapterFor(t, hookTo(t, server.URL+"/secret-path?token=x"), timeout, nil), d)
}

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	for kind, c := range map[workflow.DeliveryKind]struct{ event, failure string }{
		workflow.DeliverResult: {payload.Completed, ""}, workflow.DeliverError: {payload.Failed, "no_response"},
		workflow.DeliverQuestion: {payload.InputRequired, ""}, workflow.DeliverEvent: {payload.Started, ""},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var sent []byte
			var header http.Header
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent, _ = io.ReadAll(r.Body)
				header = r.Header
				w.WriteHeader(http.StatusNoContent)
			}))
			defer server.Close()
			hook, d := hookTo(t, server.URL), delivery(kind)
			d.Error = c.failure
			a := adapterFor(t, hook, 0, nil)
			out := adapter.Send(t.Context(), a, d)
			if out.Err != nil || out.Receipt != "204 No Content" || out.Answer.Status != 204 {
				t.Fatalf("%+v", out)
			}
			for _, k := range hook.Keys {
				if id, err := standard.Verify(header, sent, now, k); err != nil || id != d.ID.String() {
					t.Errorf("id %q: %v", id, err)
				}
			}
			var body struct {
				ID, Type string
				Data     payload.Data
			}
			if err := json.Unmarshal(sent, &body); err != nil || body.ID != d.ID.String() || body.Type != c.event || body.Data.Number != 1003 || body.Data.Error != c.failure {
				t.Errorf("%s: %v", sent, err)
			}
			if header.Get("Content-Type") != "application/json" || header.Get("User-Agent") != "duolog" || header.Get("Accept-Encoding") != "" {
				t.Errorf("the headers are %v", header)
			}
			first := string(sent)
			if d.Attempt, d.Try = 2, 2; adapter.Send(t.Context(), a, d).Err != nil || string(sent) != first {
				t.Errorf("again it is %s, not %s", sent, first)
			}
		})
	}
}

// TestAnswers is the table of what an answer means.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const first, firstMost = 5 * time.Second, 5500 * time.Millisecond
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		reason     string
		least      time.Duration
		most       time.Duration
	}{
		"ok":                          {status: 200},
		"accepted":                    {status: 202},
		"no content":                  {status: 204},
		"gone":                        {status: 410, reason: webhook.ReasonGone},
		"moved":                       {status: 301, least: first, most: firstMost},
		"see other":                   {status: 307, least: first, most: firstMost},
		"not modified":                {status: 304, least: first, most: firstMost},
		"bad request":                 {status: 400, least: first, most: firstMost},
		"not there":                   {status: 404, least: first, most: firstMost},
		"internal":                    {status: 500, retryAfter: "3600", least: first, most: firstMost},
		"throttled":                   {status: 429, least: first, most: firstMost},
		"throttled for a while":       {status: 429, retryAfter: "120", least: 2 * time.Minute, most: 2 * time.Minute},
		"throttled for a moment":      {status: 429, retryAfter: "1", least: first, most: firstMost},
		"throttled until then":        {status: 429, retryAfter: now.Add(time.Hour).Format(http.TimeFormat), least: time.Hour, most: time.Hour},
		"throttled until yesterday":   {status: 429, retryAfter: now.Add(-time.Hour).Format(http.TimeFormat), least: first, most: firstMost},
		"throttled for less than 0":   {status: 429, retryAfter: "-7", least: first, most: firstMost},
		"throttled, nobody knows how": {status: 429, retryAfter: "soon", least: first, most: firstMost},
		"throttled without end":       {status: 429, retryAfter: strings.Repeat("9", 40), least: first, most: firstMost},
		"bad gateway":                 {status: 502, retryAfter: "60", least: time.Minute, most: time.Minute},
		"unavailable":                 {status: 503, retryAfter: "60", least: time.Minute, most: time.Minute},
		"gateway timeout":             {status: 504, retryAfter: "60", least: time.Minute, most: time.Minute},
		"nobody's status":             {status: 799, least: first, most: firstMost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := tell(t, delivery(workflow.DeliverEvent), 0, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
				w.Header().Set("Retry-After", c.retryAfter)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, "said")
			})
			if out.Answer == nil || out.Answer.Status != c.status || strings.Contains(out.Answer.Target, "secret") {
				t.Fatalf("the answer is %+v", out.Answer)
			}
			permanent, final := errors.AsType[*adapter.PermanentError](out.Err)
			switch {
			case c.status < 300 && (out.Err != nil || out.Receipt == ""):
				t.Errorf("not delivered: %v", out.Err)
			case c.status >= 300 && out.Err == nil:
				t.Errorf("delivered: %s", out.Receipt)
			case final != (c.reason != "") || final && permanent.Reason != c.reason:
				t.Errorf("final %t: %v", final, out.Err)
			case c.reason == "" && (out.RetryIn < c.least || out.RetryIn > c.most):
				t.Errorf("again in %s, not %s to %s", out.RetryIn, c.least, c.most)
			}
		})
	}
}

func TestAnswersThatRepeatTheAddressAreRedacted(t *testing.T) {
	t.Parallel()
	var said string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		said = fmt.Sprintf("%s may not POST %s: token %s of %s, password %s", user, r.URL, r.URL.Query().Get("token"), r.URL.Path, password)
		http.Error(w, said, http.StatusForbidden)
	}))
	defer server.Close()
	address := strings.Replace(server.URL, "http://", "http://duo:open-sesame@", 1) + "/T0123/B4567/xyzzy?token=plugh-plover&v=1"
	out := adapter.Send(t.Context(), adapterFor(t, hookTo(t, address), 0, nil), delivery(workflow.DeliverEvent))
	kept := fmt.Sprint(out.Err, *out.Answer)
	for _, secret := range []string{"xyzzy", "plugh", "sesame"} {
		if !strings.Contains(said, secret) || strings.Contains(kept, secret) {
			t.Errorf("of %q this is kept: %s", said, kept)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	out := tell(t, delivery(workflow.DeliverEvent), 0, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	})
	if calls.Load() != 1 || out.Err == nil || !strings.Contains(out.Err.Error(), "redirects are not followed") {
		t.Errorf("%d calls: %v", calls.Load(), out.Err)
	}
}

// Receivers that may have taken it: the attempt is repeated under the same id.
func TestReceiversThatGiveNoAnswer(t *testing.T) {
	t.Parallel()
	hijack := func(said string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(c, said)
			_ = c.Close()
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"takes it and says nothing": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"hangs up":                hijack(""),
		"speaks another protocol": hijack("SSH-2.0-OpenSSH_9.9\r\n"),
		"answers nonsense":        hijack("HTTP/1.1 two hundred\r\n\r\n"),
		"has headers without end": hijack("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"),
		"stops in its headers":    hijack("HTTP/1.1 200 OK\r\nContent-Le"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := tell(t, delivery(workflow.DeliverEvent), 500*time.Millisecond, handler)
			if !errors.Is(out.Err, adapter.ErrUnknown) || out.Answer.Status != 0 || out.RetryIn < 5*time.Second {
				t.Errorf("%+v", out)
			}
		})
	}
}

// What has a status has its outcome, whatever comes behind it.
func TestBodiesThatDoNotEnd(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*bufio.Writer, <-chan struct{}){
		"streams for ever": func(b *bufio.Writer, end <-chan struct{}) {
			for {
				select {
				case <-end:
					return
				default:
					_, _ = b.WriteString(strings.Repeat("x", 1<<16))
				}
			}
		},
		"drips": func(b *bufio.Writer, end <-chan struct{}) {
			_, _ = b.WriteString("x")
			_ = b.Flush()
			<-end
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := tell(t, delivery(workflow.DeliverEvent), 0, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				b := bufio.NewWriter(w)
				_ = http.NewResponseController(w).Flush()
				write(b, r.Context().Done())
			})
			if out.Err != nil || out.Answer.Status != 200 || len(out.Answer.Body) > 2<<10 {
				t.Errorf("%v, status %d, %d bytes", out.Err, out.Answer.Status, len(out.Answer.Body))
			}
		})
	}
}

func TestReceiversThatAreNotReached(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	out := adapter.Send(t.Context(), adapterFor(t, hookTo(t, "http://"+l.Addr().String()), 0, nil), delivery(workflow.DeliverEvent))
	if out.Err == nil || errors.Is(out.Err, adapter.ErrUnknown) || out.RetryIn == 0 {
		t.Errorf("nobody listens: %+v", out)
	}
	out = adapter.Send(t.Context(), adapterFor(t, hookTo(t, "https://192.168.0.1/?token=secret"), 0, nil), delivery(workflow.DeliverEvent))
	permanent, final := errors.AsType[*adapter.PermanentError](out.Err)
	if !final || permanent.Reason != webhook.ReasonForbidden || strings.Contains(fmt.Sprint(out.Err, out.Answer), "secret") {
		t.Errorf("a private network: %+v", out)
	}
}

func TestHooksThatAreNotCalled(t *testing.T) {
	t.Parallel()
	port, count := reached(t)
	hook := hookTo(t, "http://127.0.0.1:"+port)
	disabled, other, revised := hook, hook, hook
	disabled.Disabled, other.Name, revised.Revision = true, "other", "2"
	for name, c := range map[string]struct {
		hook   webhook.Hook
		gone   gone
		reason string
	}{
		"unknown":  {other, nil, webhook.ReasonUnknown},
		"disabled": {disabled, nil, webhook.ReasonDisabled},
		"gone":     {hook, gone{hook.Target(): true}, webhook.ReasonGone},
	} {
		out := adapter.Send(t.Context(), adapterFor(t, c.hook, 0, c.gone), delivery(workflow.DeliverEvent))
		if permanent, ok := errors.AsType[*adapter.PermanentError](out.Err); !ok || permanent.Reason != c.reason {
			t.Errorf("%s: %v", name, out.Err)
		}
	}
	if out := adapter.Send(t.Context(), adapterFor(t, hook, 0, gone{"": true}), delivery(workflow.DeliverEvent)); out.Err == nil || count.Load() != 0 {
		t.Errorf("%d calls: %v", count.Load(), out.Err)
	}
	if out := adapter.Send(t.Context(), adapterFor(t, revised, 0, gone{hook.Target(): true}), delivery(workflow.DeliverEvent)); out.Err != nil {
		t.Errorf("a new revision: %v", out.Err)
	}
}

func TestAHintIsNotRepeated(t *testing.T) {
	t.Parallel()
	d := delivery(workflow.DeliverEvent)
	d.Event = payload.Progress
	out := tell(t, d, 0, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	if permanent, ok := errors.AsType[*adapter.PermanentError](out.Err); !ok || permanent.Reason != webhook.ReasonHint {
		t.Errorf("%v", out.Err)
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	d := delivery(workflow.DeliverEvent)
	var total time.Duration
	fail := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	for n, want := range []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	} {
		d.Attempt, d.Try = n+4, n+1 // three were made before it was asked for again
		got := tell(t, d, 0, fail).RetryIn
		if got < want || got > want+want/10 || got != tell(t, d, 0, fail).RetryIn {
			t.Errorf("after try %d it waits %s", d.Try, got)
		}
		total += got
	}
	if total < 75*time.Hour || total > 84*time.Hour {
		t.Errorf("it ends after %s", total)
	}
	other := d
	other.ID = uuid.New()
	if tell(t, d, 0, fail).RetryIn == tell(t, other, 0, fail).RetryIn {
		t.Error("two deliveries come at one moment")
	}
}

func TestBook(t *testing.T) {
	t.Parallel()
	hook := func(name, within string, disabled bool, events ...string) webhook.Hook {
		return webhook.Hook{Name: name, Within: within, Disabled: disabled, Events: events}
	}
	b := webhook.Book{"acme": {
		hook("all", "", false, payload.Completed, payload.Failed), hook("off", "", true, payload.Progress),
		hook("web", "acme/web", false, payload.Completed), hook("named", "", false),
	}}
	for _, c := range []struct{ tenant, event, path, want string }{
		{"acme", payload.Completed, "acme", "all"},
		{"acme", payload.Completed, "acme/web", "all web"},
		{"acme", payload.Completed, "acme/web/shop", "all web"},
		{"acme", payload.Completed, "acme/website", "all"},
		{"acme", payload.Started, "acme", ""},
		{"acme", payload.Progress, "acme", ""},
		{"other", payload.Completed, "acme", ""},
	} {
		if got := strings.Join(b.Subscribed(domain.Tenant(c.tenant), c.event, "", c.path), " "); got != c.want {
			t.Errorf("%v: %q", c, got)
		}
	}
	if b.Wants(payload.Progress) || !b.Wants(payload.Failed) || !b.Has("acme") || b.Has("other") {
		t.Error("who wants what is wrong")
	}
}
