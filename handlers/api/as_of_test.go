package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// life plays a workflow at random: checkpoints put again, writes overwritten, statuses,
// models, deliveries, mail and messages, in commits of every kind.
type life struct {
	*rig

	random *rand.Rand
	stream domain.StreamID
	state  workflow.State
	saved  []uuid.UUID
	told   int
	ended  []uuid.UUID
}

func (l *life) do(c workflow.Command) {
	out, err := l.node.Dispatch.Do(l.t.Context(), dispatch.Request{Stream: l.stream, Workflow: c, CommandID: uuid.New()})
	if err != nil && domain.CodeOf(err) == domain.CodeInternal {
		l.t.Fatalf("%s: %v", c.CommandType(), err)
	}
	if err == nil {
		l.state = out.Workflow
	}
}

// pick is one of the checkpoints there are, or a new one.
func (l *life) pick() uuid.UUID {
	if n := len(l.saved); n > 0 && l.random.IntN(3) > 0 {
		return l.saved[l.random.IntN(n)]
	}
	return uuid.Must(uuid.NewV7())
}

func (l *life) save() workflow.Command {
	c := &workflow.SaveCheckpoint{ThreadTS: uuid.Must(uuid.NewV7()), Metadata: json.RawMessage(fmt.Sprintf(`{"n":%d}`, l.random.IntN(9)))}
	if l.random.IntN(3) == 0 {
		c.ThreadTS = l.pick() // put again
	}
	if l.random.IntN(2) == 0 {
		parent := l.pick()
		c.ParentTS = &parent
	}
	if l.random.IntN(4) == 0 {
		c.NS = "child:1"
	}
	c.Checkpoint = json.RawMessage(fmt.Sprintf(`{"channel_values":{"messages":[%s"end"],"n":%d}}`, strings.Repeat(`"a message",`, l.random.IntN(20)), l.random.IntN(9)))
	if l.random.IntN(3) == 0 {
		c.Model = fmt.Sprintf(`{"provider":"p","identifier":"m%d"}`, l.random.IntN(3))
	}
	l.saved = append(l.saved, c.ThreadTS)
	return c
}

func (l *life) step() {
	switch l.random.IntN(11) {
	case 0, 1:
		l.do(l.save())
	case 2:
		l.do(&workflow.RecordWrites{ThreadTS: l.pick(), Writes: []workflow.NewWrite{
			{Task: "t", Idx: -1, Channel: "error", Data: fmt.Sprint(l.random.IntN(9))}, {Task: "t", Idx: l.random.IntN(3), Channel: "c", Data: "1"},
		}})
	case 3:
		events := []workflow.StatusEvent{"start", "pause", "resume", "require_input", "retry", "drop"}
		l.do(&workflow.UpdateStatus{Event: events[l.random.IntN(len(events))]})
	case 4:
		l.do(&workflow.QueueMail{Kind: workflow.MailMessage, Message: fmt.Sprintf("mail %d", l.random.IntN(99))})
	case 5:
		if n := len(l.state.Mail); n > 0 {
			l.do(&workflow.MarkMail{Mail: l.state.Mail[l.random.IntN(n)].ID, Status: []workflow.MailStatus{workflow.MailIsDelivered, workflow.MailIsQueued}[l.random.IntN(2)]})
		}
	case 6:
		l.told++
		l.do(&workflow.Notify{Adapter: "webhook", Hooks: []string{"ci", "chat"}[:1+l.random.IntN(2)], Event: "flow.completed", Cause: fmt.Sprint(l.told), Data: json.RawMessage(`{"n":1}`)})
	case 7, 9:
		l.deliver()
	case 10:
		if n := len(l.ended); n > 0 {
			l.do(&workflow.Redeliver{Delivery: l.ended[l.random.IntN(n)]})
		}
	case 8:
		l.do(&workflow.ReceiveMessage{Conversation: uuid.New(), MessageID: fmt.Sprint(l.random.IntN(999)), Author: "ada", Text: "a message"})
	}
}

func (l *life) deliver() {
	n := len(l.state.Deliveries)
	if n == 0 {
		return
	}
	d := l.state.Deliveries[l.random.IntN(n)]
	if !d.Attempt.Open {
		l.do(&workflow.AttemptDelivery{Delivery: d.ID, Attempt: d.Attempt.Count + 1, By: "a/1"})
		return
	}
	settle := &workflow.SettleDelivery{Delivery: d.ID, Attempt: d.Attempt.Count, Answer: &workflow.Answer{Target: "ci", Status: 503, Body: "no"}, Error: "it answered 503", RetryInMS: 5000}
	if l.random.IntN(2) == 0 {
		settle.Error, settle.RetryInMS, settle.Receipt = "", 0, "200 OK"
		l.ended = append(l.ended, d.ID)
	}
	l.do(settle)
}

// read is the answer of a server, as it would be compared. What stands behind a # is a
// thread, whose reads are POSTs.
func read(t *testing.T, s *api.Server, path, at string) string {
	t.Helper()
	if at != "" {
		name, sep := "at=", "?"
		if strings.Contains(path, "/diff?") {
			name = "to="
		}
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + name + url.QueryEscape(at)
	}
	method, body := "GET", ""
	if thread, of, is := strings.Cut(path, "#"); is {
		name, query, _ := strings.Cut(of, "?")
		method, path, body = "POST", thread+"?"+query, fmt.Sprintf(`{"thread_id":%q}`, name)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer mia@acme")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 {
		var e struct{ Code string }
		_ = json.Unmarshal(w.Body.Bytes(), &e)
		return fmt.Sprintf("%d %s", w.Code, e.Code)
	}
	if !strings.Contains(path, "/as_of") {
		return w.Body.String()
	}
	var page map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	place := page["at"].(map[string]any)
	delete(place, "next") // what comes after is what the two do not agree on
	delete(place, "now")
	out, err := json.Marshal(page)
	must(t, err)
	return string(out)
}

// prefix is the API over read models that show a part of the log.
type prefix struct {
	*rig

	projector *projections.Projector
}

func newPrefix(r *rig, c *nodetest.Cluster, partition int32) prefix {
	schema := "prefix_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err := r.node.DB.Write.Exec(r.t.Context(), "CREATE SCHEMA "+schema)
	must(r.t, err)
	db, err := postgres.Open(r.t.Context(), postgres.Config{URL: c.DatabaseURL, Schema: schema})
	must(r.t, err)
	r.t.Cleanup(db.Close)
	must(r.t, db.Migrate(r.t.Context()))
	p, err := projections.New(projections.Config{
		Log: recalled(r, partition), Pool: db.Write, Partitions: nodetest.Partitions, Build: "test",
		Visible: projections.NewVisible(), Quiet: true, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	must(r.t, err)
	codec, err := projections.NewCodec()
	must(r.t, err)
	from := cut.DB{Pool: db.Read, Codec: codec, Partitions: nodetest.Partitions}
	return prefix{r.with(func(c *api.Config) { c.Queries = api.NewQueries(from) }), p}
}

// recall is a partition that was read once: opening it takes no time.
type recall []journal.Record

func recalled(r *rig, partition int32) (out recall) {
	r.t.Helper()
	ends, err := r.node.Log.Ends(r.t.Context())
	must(r.t, err)
	reader, err := r.node.Log.Reader(r.t.Context(), partition, 0)
	must(r.t, err)
	defer reader.Close() //nolint:errcheck // it was only read
	for int64(len(out)) < ends[partition] {
		more, err := reader.Next(r.t.Context(), 500, 8<<20)
		must(r.t, err)
		out = append(out, more...)
	}
	return out
}

func (r recall) OpenReader(_ context.Context, _ int32, from int64) (projections.Reader, error) {
	rest := r[from:]
	return &rest, nil
}

func (r *recall) Next(context.Context, int, int) ([]journal.Record, error) { return *r, nil }

func (*recall) Close() error { return nil }

func (p prefix) upto(at domain.Position) {
	p.t.Helper()
	must(p.t, p.projector.Replay(p.t.Context(), at.Partition, at.Offset+1, func(int32, int64, int64) {}))
}

// TestAsOf: at every position of a workflow, each read answers what it answers where
// nothing behind the position was ever projected.
func TestAsOf(t *testing.T) {
	t.Parallel()
	cluster := nodetest.NewCluster(t)
	r := newRigOn(t, cluster)
	c := r.create("mia@acme", `{"goal":"go","start_workflow":true}`)
	l := &life{rig: r, random: rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano()))), stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID}}
	for l.state.Events < 150 { // past the first kept state
		l.step()
	}
	commits := r.commitsOf(l.stream)
	p := newPrefix(r, cluster, commits[0].Partition)
	for i, at := range commits {
		p.upto(at)
		paths := []string{
			c.path(""), c.path("/checkpoints"), c.path("/checkpoints?checkpoint_ns=&per_page=3&page=2"), c.path("/timeline?limit=500"), c.path("/events"),
			"/v1/deliveries?workflow=" + c.UUID.String(), "/v1/deliveries?per_page=2&page=2&state=requested&workflow=" + c.UUID.String(), c.path("/as_of"), c.path("/as_of?limit=2"),
			c.path("/diff?from=" + commits[0].String()), "/v1/threads/list#" + c.UUID.String(), "/v1/threads/get#" + c.UUID.String(),
		}
		for range 4 {
			paths = append(paths, c.path("/checkpoints/by_thread_ts?thread_ts="+l.saved[l.random.IntN(len(l.saved))].String()))
		}
		for _, path := range paths {
			want, got := read(t, p.api, path, ""), read(t, r.api, path, at.String())
			if i+1 == len(commits) && strings.HasPrefix(got, "4") && !strings.Contains(path, "thread_ts=") {
				t.Errorf("%s is %s", path, got)
			}
			if want != got {
				t.Fatalf("%s at %s, commit %d of %d:\n%s\nwas\n%s", path, at, i+1, len(commits), got, want)
			}
		}
	}
}

// TestAsOfStopped: a stream that a commit stopped reads, as of every position, as where
// nothing behind it was projected: what could not be folded is left out, but the end of
// a run is not.
func TestAsOfStopped(t *testing.T) {
	t.Parallel()
	cluster := nodetest.NewCluster(t)
	r := newRigOn(t, cluster)
	c := r.create("mia@acme", `{"goal":"go","start_workflow":true}`)
	stream := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID}
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(200)
	var head []byte
	must(t, r.node.DB.Read.QueryRow(t.Context(), `SELECT hash FROM heads WHERE stream = $1`, stream.String()).Scan(&head))
	unknown, err := journal.NewEvent("workflow.from_the_future", 1, struct{}{})
	must(t, err)
	packed, err := journal.Pack(journal.Commit{
		Stream: stream, Parent: journal.Hash(head), ID: uuid.New(), Time: time.Now(), Command: journal.CommandRef{ID: uuid.New(), Type: "foreign"}, Events: []journal.Event{unknown},
	}, nil, nodetest.Partitions)
	must(t, err)
	_, err = r.node.Log.Append(t.Context(), []journal.Message{packed.Commit})
	must(t, err)
	ends, err := r.node.Log.Ends(t.Context())
	must(t, err)
	must(t, nodetest.WaitEnds(t.Context(), r.node.DB.Write, ends, 10*time.Millisecond))
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"stop"}`).want(200)
	commits := r.commitsOf(stream)
	p := newPrefix(r, cluster, commits[0].Partition)
	for _, at := range commits {
		p.upto(at)
		for _, path := range []string{c.path(""), c.path("/as_of"), c.path("/timeline")} {
			if want, got := read(t, p.api, path, ""), read(t, r.api, path, at.String()); want != got {
				t.Errorf("%s at %s:\n%s\nwas\n%s", path, at, got, want)
			}
		}
	}
}

// TestMoments: a moment is named by a position, a time or a checkpoint; behind the head
// is the head, before the beginning is nothing, and what is none of these is refused.
func TestMoments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"go"}`)
	ts := uuid.Must(uuid.NewV7())
	put := func(step string) {
		r.send("mia@acme", "POST", c.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"checkpoint":{"channel_values":{"n":%s}},"metadata":{}}`, ts, step)).want(201)
	}
	put("1")
	put("2")
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(200)
	at := r.commitsOf(domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID})
	type page struct {
		At struct {
			Position       string
			Time           time.Time
			Now            bool
			Previous, Next *string
			Events         int
		}
		Workflow    struct{ Status string }
		Checkpoints []struct{ ID int64 }
	}
	get := func(moment string) (p page) {
		t.Helper()
		r.send("mia@acme", "GET", c.path("/as_of?at="+url.QueryEscape(moment)), nil).want(200).into(&p)
		return p
	}
	token := func(i int) string { return at[i].Token(r.cfg.Log) }
	second := get(at[1].String())
	if second.At.Position != token(1) || *second.At.Previous != token(0) || *second.At.Next != token(2) || second.At.Events != 4 || second.Workflow.Status != "created" {
		t.Errorf("after the second commit: %+v", second)
	}
	for moment, want := range map[string]int{
		token(1): 1, ts.String(): 2, "": 3, fmt.Sprintf("%d:%d", at[0].Partition, at[3].Offset+1000): 3,
		second.At.Time.Format(time.RFC3339Nano): 1, "2999-01-01T00:00:00Z": 3, second.At.Time.In(time.FixedZone("", 3600)).Format(time.RFC3339Nano): 1,
	} {
		if got := get(moment); got.At.Position != token(want) || got.At.Now != (want == 3) || (got.At.Next == nil) != (want == 3) {
			t.Errorf("as of %q it is %+v, want commit %d", moment, got.At, want)
		}
	}
	for moment, field := range map[string]string{
		"yesterday": "at", "3:": "at", fmt.Sprintf("%d:1", (at[0].Partition+1)%nodetest.Partitions): "at", "0:1@" + uuid.NewString(): "at", uuid.NewString(): "at",
	} {
		for _, path := range []string{"/as_of?", "/timeline?", "/checkpoints?", "/events?", "?"} {
			r.send("mia@acme", "GET", c.path(path+"at="+url.QueryEscape(moment)), nil).refused(400, domain.CodeInvalidField, field)
		}
	}
	for _, early := range []string{"1999-01-01T00:00:00Z", fmt.Sprintf("%d:0", at[0].Partition)} {
		e := r.send("mia@acme", "GET", c.path("?at="+early), nil).refused(404, domain.CodeNotFound, "at")
		if !strings.Contains(e.Fix, at[0].String()) {
			t.Errorf("before the beginning: %+v", e)
		}
	}
	r.send("mia@acme", "GET", base+"/"+uuid.NewString()+"/as_of", nil).refused(404, domain.CodeNotFound, "")
	r.send("zoe@other", "GET", base+"/"+c.UUID.String()+"/as_of?at="+token(0), nil).refused(404, domain.CodeNotFound, "")
	r.send("mia@acme", "GET", "/v1/deliveries?at="+token(0), nil).refused(400, domain.CodeInvalidField, "at")
	r.send("mia@acme", "GET", c.path("/timeline?at="+token(0)), nil, "Accept", "text/event-stream").refused(400, domain.CodeInvalidField, "at")
	if got := r.timeline(c, "?wait=25&after="+token(1)+"&at="+token(1)); len(got.Events) != 0 {
		t.Errorf("a timeline that ends was followed: %+v", got)
	}
}

// TestAsOfRemoved: what stood before a thread was deleted is gone, and it is said how it
// can still be had; what came after is there.
func TestAsOfRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stream := workflow.ThreadStream("acme", "a thread")
	r.taken(r.write("mia@acme", "a thread", put{key: uuid.NewString(), id: v6(), values: map[string]string{"n": "1"}, versions: `{"n":1}`}))
	before := r.commitsOf(stream)
	r.send("mia@acme", "POST", "/v1/threads/delete", map[string]string{"thread_id": "a thread"}).want(200)
	all := r.commitsOf(stream)
	path := base + "/" + stream.ID.String()
	for _, read := range []string{"", "/as_of", "/timeline", "/checkpoints", "/events"} {
		e := r.send("mia@acme", "GET", path+read+"?at="+before[len(before)-1].String(), nil).refused(410, domain.CodeGone, "at")
		if !strings.Contains(e.Fix, "--until "+before[len(before)-1].String()) {
			t.Errorf("%+v", e)
		}
		r.send("mia@acme", "GET", path+read+"?at="+all[len(all)-1].String(), nil).want(200)
	}
}

// TestConversationAsOf: a conversation is read as it stood, by position or time.
func TestConversationAsOf(t *testing.T) {
	t.Parallel()
	cluster := nodetest.NewCluster(t)
	r := newRigOn(t, cluster)
	first := r.message(`{"text":"one","thread":"1"}`)
	r.deliver()
	r.message(`{"text":"two","thread":"1"}`)
	r.deliver()
	_, err := r.node.Dispatch.Do(t.Context(), dispatch.Request{
		Stream:    domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: first.Conversation},
		CommandID: uuid.New(), Conversation: &conversation.RefuseMessage{MessageID: first.Message, Code: "flow_not_enabled", Message: "it is off"},
	})
	must(t, err)
	path := "/v1/conversations/" + first.Conversation.String()
	at := r.commitsOf(domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: first.Conversation})
	if len(at) != 3 {
		t.Fatalf("it has %d commits", len(at))
	}
	p := newPrefix(r, cluster, at[0].Partition)
	for i, position := range at {
		p.upto(position)
		want, got := read(t, p.api, path, ""), read(t, r.api, path, position.String())
		if want != got || strings.Count(got, `"message_id"`) != min(i+1, 2) {
			t.Errorf("at %s:\n%s\nwas\n%s", position, got, want)
		}
	}
	r.send("mia@acme", "GET", path+"?wait=25&at=1999-01-01T00:00:00Z", nil).refused(404, domain.CodeNotFound, "at")
	r.send("mia@acme", "GET", path+"?at="+uuid.NewString(), nil).refused(400, domain.CodeInvalidField, "at")
}

// commitsOf are the positions of a stream's commits.
func (r *rig) commitsOf(stream domain.StreamID) (out []domain.Position) {
	r.t.Helper()
	rows, err := r.node.DB.Read.Query(r.t.Context(), `SELECT partition, "offset" FROM commits WHERE stream = $1 ORDER BY "offset"`, projections.ShortKeyOf(stream.String()))
	must(r.t, err)
	defer rows.Close()
	for rows.Next() {
		var p domain.Position
		must(r.t, rows.Scan(&p.Partition, &p.Offset))
		out = append(out, p)
	}
	return out
}
