package e2e_test

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/duolog/duolog/internal/fleettest"
)

// The trace of a client of the API.
const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan  = "00f067aa0ba902b7"
)

// span is one that a collector was sent.
type span struct {
	name, trace, id, parent string
	attributes              map[string]string
}

// spans are what a collector was sent so far, by id.
type spans struct {
	mu   sync.Mutex
	byID map[string]span
}

// newCollector takes traces as a collector does.
func newCollector(tb testing.TB) (*spans, string) {
	tb.Helper()
	s := &spans{byID: map[string]span{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.take(r); err != nil {
			tb.Errorf("what was exported to %s cannot be read: %v", r.URL.Path, err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	tb.Cleanup(server.Close)
	return s, server.URL
}

func (s *spans) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unpacked
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var sent collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &sent); err != nil || r.URL.Path != "/v1/traces" {
		return errors.Join(err, errors.New(r.URL.Path))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, one := range scope.Spans {
				got := span{
					name: one.Name, trace: hex.EncodeToString(one.TraceId), id: hex.EncodeToString(one.SpanId),
					parent: hex.EncodeToString(one.ParentSpanId), attributes: map[string]string{},
				}
				for _, a := range one.Attributes {
					got.attributes[a.Key] = a.Value.GetStringValue()
				}
				s.byID[got.id] = got
			}
		}
	}
	return nil
}

// path is the way from a span of the client's trace up to the client, by names;
// with is an attribute the span has.
func (s *spans) path(name, attribute, with string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.byID {
		if one.name != name || one.trace != clientTrace || one.attributes[attribute] != with {
			continue
		}
		var names []string
		for one.parent != clientSpan {
			names = append(names, one.name)
			parent, sent := s.byID[one.parent]
			if !sent || parent.trace != clientTrace {
				return "", fmt.Errorf("the parent of %s in %s was not sent", one.name, strings.Join(names, " < "))
			}
			one = parent
		}
		return strings.Join(append(names, one.name), " < "), nil
	}
	return "", fmt.Errorf("no span %s with %s %s", name, attribute, with)
}

// tell sends a message as a client that is part of a trace.
func (d *dev) tell(text string) {
	d.tb.Helper()
	status, answer, err := d.user().Call(d.tb.Context(), http.MethodPost, "/v1/messages", map[string]string{"text": text},
		"Traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
	if err != nil || status != http.StatusAccepted {
		d.tb.Fatalf("send a message: %d %s %v", status, answer, err)
	}
}

// startTraced starts a process that sends its spans at once.
func (d *dev) startTraced(endpoint string) {
	d.tb.Helper()
	d.launch(fleettest.Duolog(d.tb), "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_BSP_SCHEDULE_DELAY=50")
	d.ready()
}

// TestOneTrace follows a message from the client to its answer by the parents of
// the spans: each step is below the append of what asked for it.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	collected, endpoint := newCollector(t)
	d := newDev(t, 0)
	d.startTraced(endpoint)
	const secret = "what changed, and who is behind it?"
	d.tell("@duo " + secret)
	const (
		message  = "inbox < POST /v1/messages"
		run      = "effect run < append < command < saga trigger < relay < append < command < " + message
		delivers = "effect deliver < append < command < saga callback < relay < append < command < "
		// Who asks for the delivery: the agent that says it has finished, or the end of its
		// process, where that is known before the saga looks.
		agent = delivers + "PATCH /api/v4/ai/duo_workflows/workflows/{id} < start run on local < " + run
		end   = delivers + "run finished < append < command < saga trigger < relay < append < command < " + message
	)
	for _, want := range []struct {
		span, attribute, with string
		paths                 []string
	}{
		{"admit", "duolog.command", "conversation.receive_message", []string{"admit < append < command < " + message}},
		{"start run on local", "", "", []string{"start run on local < " + run}},
		{"POST /api/v4/ai/duo_workflows/workflows/{id}/checkpoints", "", "", []string{"POST /api/v4/ai/duo_workflows/workflows/{id}/checkpoints < start run on local < " + run}},
		{"command", "duolog.command", "workflow.attempt_run", []string{"command < " + run}},
		{"command", "duolog.command", "workflow.finish_workload", []string{"command < run finished < append < command < saga trigger < relay < append < command < " + message}},
		{"deliver to console", "", "", []string{"deliver to console < " + agent, "deliver to console < " + end}},
		{"command", "duolog.command", "workflow.settle_delivery", []string{"command < " + agent, "command < " + end}},
	} {
		fleettest.Eventually(t, 30*time.Second, func() error {
			got, err := collected.path(want.span, want.attribute, want.with)
			if err == nil && !slices.Contains(want.paths, got) {
				return fleettest.FinalError{Err: fmt.Errorf("%s\nwant %s", got, strings.Join(want.paths, "\nor "))}
			}
			return err
		})
	}
	d.stop()
	collected.tellsNothingOf(t, secret, strings.TrimSpace(fleettest.Read(t, d.state, "token")))
}

// tellsNothingOf says that no span holds what people wrote, or a token.
func (s *spans) tellsNothingOf(t *testing.T, texts ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.byID {
		for _, text := range texts {
			if strings.Contains(fmt.Sprint(one), text) {
				t.Errorf("a span tells of %q: %v", text, one)
			}
		}
	}
}

// TestATraceOutlivesItsNode kills the node while the agent is at work: the next
// one delivers the answer as part of the client's trace, which it knows from the
// log alone.
func TestATraceOutlivesItsNode(t *testing.T) {
	t.Parallel()
	collected, endpoint := newCollector(t)
	d := newDev(t, 200*time.Millisecond)
	d.startTraced(endpoint)
	d.tell("what changed before the end?")
	d.running()
	d.proc.Kill()
	d.startTraced(endpoint)
	d.must("projection", "rebuild")
	fleettest.Eventually(t, 30*time.Second, func() error {
		collected.mu.Lock()
		defer collected.mu.Unlock()
		for _, one := range collected.byID {
			if one.name == "deliver to console" && one.trace == clientTrace {
				return nil
			}
		}
		return errors.New("nothing was delivered in the client's trace")
	})
	fleettest.Eventually(t, 10*time.Second, func() error {
		if n := fleettest.Query[int](t, d.connection().Database, "SELECT count(*) FROM intents"); n > 0 {
			return fmt.Errorf("%d intents are left", n)
		}
		return nil
	})
	d.clean()
}
