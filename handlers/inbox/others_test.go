package inbox_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/directory/configured"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/handlers/inbox"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/workflows"
	"github.com/duolog/duolog/schemas"
)

const (
	command = "dev.duolog.command."
	replies = "test.replies.mine"
	known   = "0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a"
)

// people know the tokens "mia", "bob" and "run".
type people struct{}

func (people) Authenticate(_ context.Context, bearer string) (entry.Caller, error) {
	switch bearer {
	case "mia":
		return entry.Caller{Tenant: "acme", User: "mia"}, nil
	case "bob":
		return entry.Caller{Tenant: "other", User: "bob"}, nil
	case "run":
		return entry.Caller{Tenant: "acme", User: "mia", Run: &domain.RunRef{ID: uuid.New(), Epoch: 1}}, nil
	}
	return entry.Caller{}, &domain.Error{Code: domain.CodeUnauthenticated, Message: "the token is not known"}
}

// off is a workflow of a flow that was switched off since.
const off = "0198a3ef-5b20-7a10-8c3d-000000000007"

// nothing has no workflow but that one.
type nothing struct{}

func (nothing) Load(_ context.Context, id domain.StreamID, _ projections.SnapshotWant) (*projections.Snapshot, error) {
	snap := &projections.Snapshot{Stream: id}
	if id.ID == uuid.MustParse(off) {
		snap.Workflow.Created = &workflow.Created{Flow: workflow.Flow{Definition: "off/v1"}, Engine: "local", Namespace: &workflow.Container{Path: "acme"}}
	}
	return snap, nil
}

func (nothing) Blob(context.Context, domain.StreamID, value.Address) ([]byte, error) {
	return nil, errors.New("there are no values")
}

// triggers starts developer/v1 alone, in the group of the tenant's name.
func triggers(t *testing.T) *trigger.Trigger {
	t.Helper()
	catalog, err := flows.Load(schemas.Flows)
	if err != nil {
		t.Fatal(err)
	}
	d := configured.New(func(name domain.Tenant) (configured.Tenant, error) {
		group, project := directory.Container{Path: string(name)}, directory.Container{Path: string(name) + "/duo-workspace"}
		return configured.Tenant{Namespace: group, Project: project, Flows: []string{"developer/v1"}, ServiceAccount: "bot"}, nil
	}, time.Now)
	out, err := trigger.New(trigger.Config{
		Directory: d, Changer: d, States: nothing{}, Policy: func(domain.Tenant) (trigger.Policy, bool) { return trigger.Policy{}, true },
		Flows: flows.Resolver{Catalog: catalog},
		Engine: func(context.Context, domain.Tenant, *workflow.Start) (placement.Decision, error) {
			return placement.Decision{Engine: "local", Reason: "the first that is allowed", Candidates: []placement.Candidate{{Engine: "local"}}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// locate knows workflow 7 of acme.
func locate(_ context.Context, tenant domain.Tenant, ref workflows.Ref) (domain.StreamID, error) {
	s := domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: ref.ID}
	if ref.ID == uuid.Nil && (tenant != "acme" || ref.Number != 7) {
		return s, &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow"}
	}
	if ref.ID == uuid.Nil {
		s.ID = uuid.MustParse(known)
	}
	return s, nil
}

// pickyBus has no topic that ends in "gone".
type pickyBus struct{ *gochannel.GoChannel }

func (b pickyBus) Publish(topic string, msgs ...*message.Message) error {
	if strings.HasSuffix(topic, "gone") {
		return &domain.Error{Code: domain.CodeNotFound, Field: "replyto", Message: "the topic is not there"}
	}
	return b.GoChannel.Publish(topic, msgs...)
}

// outside is an inbox with all that commands of others need.
type outside struct {
	t                *testing.T
	bus              pickyBus
	d                *dispatcher
	refused, replies <-chan *message.Message
}

func newOutside(t *testing.T, d *dispatcher) outside {
	t.Helper()
	return newOutsideOf(t, d, triggers(t))
}

func newOutsideOf(t *testing.T, d *dispatcher, f entry.Flows) outside {
	t.Helper()
	o := outside{t: t, d: d, bus: pickyBus{gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})}}
	t.Cleanup(func() { _ = o.bus.Close() })
	for topic, to := range map[string]*<-chan *message.Message{"refused": &o.refused, replies: &o.replies} {
		var err error
		if *to, err = o.bus.Subscribe(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	logger := slog.New(slog.DiscardHandler)
	run(t, inbox.Config{
		Dispatch: d, Refused: inbox.NewRefused(o.bus, "refused", seal, logger), Subscriber: o.bus, Topic: "commands", Seal: seal, Logger: logger,
		Others: inbox.Others{
			Auth: people{}, Commands: entry.Commands{Flows: f, Locate: locate},
			Replies: inbox.Replies{Publisher: o.bus, Prefixes: []string{"test.replies"}, Own: []string{"test.replies.journal"}, Now: time.Now},
		},
	})
	return o
}

// event is a command in binary mode; headers change it, "" takes one away.
func event(kind, data string, headers map[string]string) *message.Message {
	m := message.NewMessage(uuid.NewString(), []byte(data))
	m.Metadata = message.Metadata{
		"kafka_key": "k", "kafka_partition": "3", "kafka_offset": "42", "content-type": "application/json", "authorization": "Bearer mia",
		"ce_specversion": "1.0", "ce_id": "job-7", "ce_source": "/nightly", "ce_type": command + kind, "ce_replyto": replies,
	}
	for name, value := range headers {
		if m.Metadata[name] = value; value == "" {
			delete(m.Metadata, name)
		}
	}
	return m
}

func (o outside) send(m *message.Message) {
	o.t.Helper()
	if err := o.bus.Publish("commands", m); err != nil {
		o.t.Fatal(err)
	}
}

// answer is the next answer, which its schema takes.
func (o outside) answer() (map[string]any, message.Metadata) {
	o.t.Helper()
	m := receive(o.t, o.replies)
	m.Ack()
	name := strings.TrimPrefix(m.Metadata.Get("ce_type"), command)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Payload))
	if err == nil {
		err = inboxSchema(o.t, name).Validate(doc)
	}
	if err != nil {
		o.t.Fatalf("the answer %s: %v", m.Payload, err)
	}
	out, _ := doc.(map[string]any)
	return out, m.Metadata
}

func inboxSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	const base = "https://duolog.dev/schemas/"
	c := jsonschema.NewCompiler()
	for _, file := range []string{"inbox/" + name + ".json", "journal/value.v1.json"} {
		raw, err := schemas.Public.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err == nil {
			err = c.AddResource(base+file, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile(base + "inbox/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCommandsOfOthers: each command there is, in its smallest and its largest form,
// is carried out for who its token belongs to, and answered.
func TestCommandsOfOthers(t *testing.T) {
	t.Parallel()
	o := newOutside(t, newDispatcher(nil))
	for _, name := range entry.Types() {
		for _, size := range []string{"minimal", "full"} {
			data := strings.Replace(golden(t, name+"."+size), "1003", "7", 1)
			o.send(event(name, data, map[string]string{"ce_id": name + size}))
			r := receive(t, o.d.seen)
			if r.Stream.Tenant != "acme" || r.Principal.User != "mia" || r.CommandID == uuid.Nil {
				t.Errorf("%s %s is carried out as %+v", name, size, r)
			}
			answer, headers := o.answer()
			if answer["id"] != name+size || answer["command_id"] != r.CommandID.String() || answer["record"] != "3:42" || answer["changed"] != true {
				t.Errorf("%s %s is answered %v", name, size, answer)
			}
			if headers.Get("kafka_key") != "k" || headers.Get("ce_dataschema") != "/schemas/inbox/accepted.v1.json" {
				t.Errorf("%s %s is answered under %v", name, size, headers)
			}
		}
	}
}

func golden(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../schemas/inbox/testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestStartOfOthersRuns: to start a workflow is to run it, with what the tenant gives.
func TestStartOfOthersRuns(t *testing.T) {
	t.Parallel()
	o := newOutside(t, newDispatcher(nil))
	o.send(event("start_workflow.v1", `{"goal":"go"}`, nil))
	c, ok := receive(t, o.d.seen).Workflow.(*workflow.Start)
	if !ok || !c.Run || c.Goal != "go" || c.Trigger.Source != "command" || c.ServiceAccount != "bot" || c.Flow.Definition != "developer/v1" {
		t.Errorf("started as %+v", c)
	}
}

// TestRetryOfOthersFindsItsMessage: who sent a message names it for a retry as they
// sent it, or by what they were answered, and it is the command that the API makes.
func TestRetryOfOthersFindsItsMessage(t *testing.T) {
	t.Parallel()
	o := newOutside(t, newDispatcher(nil))
	sent := func(kind, data string) (dispatch.Request, string) {
		t.Helper()
		o.send(event(kind, data, map[string]string{"ce_id": kind + data}))
		r := receive(t, o.d.seen)
		answer, _ := o.answer()
		id, _ := answer["conversation_id"].(string)
		return r, id
	}
	for _, place := range []string{`"thread":"t-1","channel":"ops"`, `"thread":"t-1"`, `"channel":"ops"`, `"author":null`} {
		message, answered := sent("send_message.v1", `{"text":"go","message_id":"m-1",`+place+`}`)
		for _, named := range []string{place, `"conversation":"` + answered + `"`} {
			again, id := sent("retry_message.v1", `{"message_id":"m-1",`+named+`}`)
			c, ok := again.Conversation.(*conversation.RetryMessage)
			if !ok || c.MessageID != "m-1" || again.Stream != message.Stream || id != answered {
				t.Errorf("%s of %s is tried again as %+v in %v, answered %s", named, message.Stream, c, again.Stream, id)
			}
		}
	}
}

// TestOlderStartPassesOver: what version 2 of the command brought, version 1 does not
// know.
func TestOlderStartPassesOver(t *testing.T) {
	t.Parallel()
	o := newOutside(t, newDispatcher(nil))
	for version, want := range map[string]string{"v1": "2.0.0", "v2": "3.0.0 mine"} {
		o.send(event("start_workflow."+version, `{"goal":"go","flow_version":"^3.0.0","model":"mine"}`, map[string]string{"ce_id": version}))
		c, ok := receive(t, o.d.seen).Workflow.(*workflow.Start)
		if !ok || strings.TrimSpace(c.Flow.Version+" "+c.Model) != want || c.Flow.ConfigID != "developer" {
			t.Errorf("%s started as %+v", version, c)
		}
		o.answer()
	}
}

// TestOneEventIsOneCommand: id and source name the command, and the workflow it
// makes, whichever way the event comes; another id is another command.
func TestOneEventIsOneCommand(t *testing.T) {
	t.Parallel()
	o := newOutside(t, newDispatcher(nil))
	took := func(m *message.Message) dispatch.Request {
		t.Helper()
		o.send(m)
		defer o.answer()
		return receive(t, o.d.seen)
	}
	first := took(event("start_workflow.v1", `{"goal":"go"}`, nil))
	structured := message.NewMessage("x", []byte(`{"specversion":"1.0","id":"job-7","source":"/nightly","type":"`+command+`start_workflow.v1","replyto":"`+replies+`","data":{"goal":"go"}}`))
	structured.Metadata = message.Metadata{"content-type": "application/cloudevents+json; charset=UTF-8", "Authorization": "bearer mia", "kafka_partition": "0", "kafka_offset": "1"}
	encoded := structured.Copy()
	encoded.Payload = []byte(strings.Replace(string(structured.Payload), `"data":{"goal":"go"}`, `"data_base64":"`+base64.StdEncoding.EncodeToString([]byte(`{"goal":"go"}`))+`"`, 1))
	for name, m := range map[string]*message.Message{"again": event("start_workflow.v1", `{"goal":"go"}`, nil), "structured": structured, "in base64": encoded} {
		if r := took(m); r.CommandID != first.CommandID || r.Stream != first.Stream || r.Hash != first.Hash {
			t.Errorf("%s: %v in %v, want %v in %v", name, r.CommandID, r.Stream, first.CommandID, first.Stream)
		}
	}
	if r := took(event("start_workflow.v1", `{"goal":"stay"}`, nil)); r.CommandID != first.CommandID || r.Hash == first.Hash {
		t.Error("other data under the same id cannot be told from the same")
	}
	for _, other := range []map[string]string{{"ce_id": "job-8"}, {"ce_source": "/daily"}, {"authorization": "Bearer bob"}} {
		if r := took(event("start_workflow.v1", `{"goal":"go"}`, other)); r.CommandID == first.CommandID || r.Stream == first.Stream {
			t.Errorf("%v is the same command", other)
		}
	}
}

// TestBadCommandsOfOthers: each is kept with its reason, without its token, and who
// named a topic is told there.
func TestBadCommandsOfOthers(t *testing.T) {
	t.Parallel()
	const start, retry = "start_workflow.v1", "retry_message.v1"
	for name, c := range map[string]struct {
		m     *message.Message
		code  domain.Code
		field string
		// silent says that there is nowhere to answer.
		silent bool
	}{
		"no token":               {m: event(start, `{}`, map[string]string{"authorization": ""}), code: "unauthenticated", field: "authorization"},
		"another scheme":         {m: event(start, `{}`, map[string]string{"authorization": "Basic mia"}), code: "unauthenticated", field: "authorization"},
		"an unknown token":       {m: event(start, `{}`, map[string]string{"authorization": "Bearer eve"}), code: "unauthenticated"},
		"the token of a run":     {m: event(start, `{}`, map[string]string{"authorization": "Bearer run"}), code: "forbidden"},
		"another tenant's":       {m: event("stop_workflow.v1", `{"workflow":7}`, map[string]string{"authorization": "Bearer bob"}), code: "not_found"},
		"an unknown command":     {m: event("dance.v1", `{}`, nil), code: "invalid_field", field: "type"},
		"an unknown version":     {m: event("start_workflow.v9", `{}`, nil), code: "invalid_field", field: "type"},
		"a type of others":       {m: event(start, `{}`, map[string]string{"ce_type": "com.example.start"}), code: "invalid_field", field: "type"},
		"an old specification":   {m: event(start, `{}`, map[string]string{"ce_specversion": "0.3"}), code: "invalid_field", field: "specversion"},
		"no CloudEvent":          {m: event(start, `{}`, map[string]string{"ce_specversion": ""}), code: "invalid_body", silent: true},
		"no id":                  {m: event(start, `{}`, map[string]string{"ce_id": ""}), code: "invalid_field", field: "id"},
		"a long id":              {m: event(start, `{}`, map[string]string{"ce_id": strings.Repeat("x", 256)}), code: "too_large", field: "id"},
		"NUL in the source":      {m: event(start, `{}`, map[string]string{"ce_source": "a\x00b"}), code: "invalid_field", field: "source"},
		"a batch":                {m: event(start, `[]`, map[string]string{"content-type": "application/cloudevents-batch+json"}), code: "invalid_body", silent: true},
		"XML":                    {m: event(start, `<a/>`, map[string]string{"content-type": "text/xml"}), code: "invalid_field", field: "datacontenttype"},
		"no data":                {m: event(start, ``, nil), code: "invalid_field", field: "data"},
		"half an object":         {m: event(start, `{"goal":`, nil), code: "invalid_field", field: "data"},
		"a list":                 {m: event(start, `[]`, nil), code: "invalid_field", field: "data"},
		"a field of another use": {m: event(start, `{"goal":7}`, nil), code: "invalid_field", field: "goal"},
		"more than is allowed":   {m: event(start, `{"goal":"`+strings.Repeat("x", 16385)+`"}`, nil), code: "too_large", field: "goal"},
		"a long message":         {m: event("send_message.v1", `{"text":"`+strings.Repeat("x", 16385)+`"}`, nil), code: "too_large", field: "text"},
		"a context of 16 KB":     {m: event(start, `{"messaging_callback_context":{"a":"`+strings.Repeat("x", 16<<10)+`"}}`, nil), code: "too_large", field: "messaging_callback_context"},
		"a context in a list":    {m: event(start, `{"messaging_callback_context":[1]}`, nil), code: "invalid_field", field: "messaging_callback_context"},
		"a privilege of none":    {m: event(start, `{"agent_privileges":[9]}`, nil), code: "invalid_field", field: "agent_privileges"},
		"more than is granted":   {m: event(start, `{"agent_privileges":[1],"pre_approved_agent_privileges":[2]}`, nil), code: "invalid_field", field: "pre_approved_agent_privileges"},
		"a flow that is off":     {m: event(start, `{"workflow_definition":"off/v1"}`, nil), code: "flow_not_enabled", field: "workflow_definition"},
		"a place of others":      {m: event(start, `{"project_path":"other/site"}`, nil), code: "not_found", field: "project_path"},
		"gone on with, but off":  {m: event("resume_workflow.v1", `{"workflow":"`+off+`"}`, nil), code: "flow_not_enabled", field: "workflow_definition"},
		"no workflow":            {m: event("stop_workflow.v1", `{}`, nil), code: "invalid_field", field: "workflow"},
		"no such name":           {m: event("stop_workflow.v1", `{"workflow":"seven"}`, nil), code: "invalid_field", field: "workflow"},
		"nothing to retry":       {m: event(retry, `{}`, nil), code: "invalid_field", field: "message_id"},
		"a message by number":    {m: event(retry, `{"message_id":7}`, nil), code: "invalid_field", field: "message_id"},
		"a message of NUL":       {m: event(retry, `{"message_id":"\u0000"}`, nil), code: "invalid_field", field: "message_id"},
		"a long message id":      {m: event(retry, `{"message_id":"`+strings.Repeat("x", 256)+`"}`, nil), code: "too_large", field: "message_id"},
		"no conversation":        {m: event(retry, `{"message_id":"m-1","conversation":"ops"}`, nil), code: "invalid_field", field: "conversation"},
		"no thread":              {m: event(retry, `{"message_id":"m-1","thread":["t-1"]}`, nil), code: "invalid_field", field: "thread"},
		"structured, broken":     {m: event(start, `{"specversion":`, map[string]string{"content-type": "application/cloudevents+json"}), code: "invalid_body", silent: true},
		"answers to the journal": {m: event(start, `{}`, map[string]string{"ce_replyto": "test.replies.journal"}), code: "invalid_field", field: "replyto", silent: true},
		"answers elsewhere":      {m: event(start, `{}`, map[string]string{"ce_replyto": "bank.transfers"}), code: "invalid_field", field: "replyto", silent: true},
		"answers to no topic":    {m: event(start, `{}`, map[string]string{"ce_replyto": "test.replies/../x"}), code: "invalid_field", field: "replyto", silent: true},
		"a forged seal":          {m: event(start, `{}`, map[string]string{inbox.HeaderSeal: strings.Repeat("0", 64)}), code: "forbidden", field: "seal", silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutside(t, newDispatcher(func(int, dispatch.Request) error { return errors.New("nothing is carried out here") }))
			o.send(c.m)
			got := receive(t, o.refused)
			got.Ack()
			if got.Metadata.Get(inbox.HeaderCode) != string(c.code) || got.Metadata.Get(inbox.HeaderField) != c.field || got.Metadata.Get(inbox.HeaderReason) == "" {
				t.Errorf("refused as %v", got.Metadata)
			}
			if got.Metadata.Get("authorization") != "" || string(got.Payload) != string(c.m.Payload) {
				t.Errorf("kept as %v %s", got.Metadata, got.Payload)
			}
			if c.silent {
				return
			}
			answer, _ := o.answer()
			raw, err := json.Marshal(answer["error"])
			if err != nil || !strings.Contains(string(raw), `"code":"`+string(c.code)+`"`) {
				t.Errorf("answered %v, %v", answer, err)
			}
		})
	}
}

// away is a directory that cannot be asked at first.
type away struct {
	entry.Flows

	asked atomic.Int64
}

func (a *away) TriggerFlow(ctx context.Context, ask trigger.Ask) (*workflow.Start, *access.Facts, error) {
	if a.asked.Add(1) == 1 {
		return nil, nil, &domain.Error{Code: domain.CodeNotNow, Message: "GitLab gives no answer: 429"}
	}
	return a.Flows.TriggerFlow(ctx, ask)
}

// TestADirectoryThatIsAwayHoldsTheCommand: it comes again, and nobody is told that it
// was refused.
func TestADirectoryThatIsAwayHoldsTheCommand(t *testing.T) {
	t.Parallel()
	o := newOutsideOf(t, newDispatcher(nil), &away{Flows: triggers(t)})
	o.send(event("start_workflow.v1", `{"goal":"go"}`, nil))
	receive(t, o.d.seen)
	if answer, _ := o.answer(); answer["changed"] != true {
		t.Errorf("answered %v", answer)
	}
	select {
	case m := <-o.refused:
		t.Errorf("kept as %v", m.Metadata)
	default:
	}
}

// TestATopicThatTakesNoAnswerHoldsNobodyUp: the answer is kept, and the next command
// is carried out.
func TestATopicThatTakesNoAnswerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	o := newOutside(t, newDispatcher(nil))
	o.send(event("start_workflow.v1", `{}`, map[string]string{"ce_replyto": "test.replies.gone"}))
	o.send(event("start_workflow.v1", `{}`, map[string]string{"ce_id": "job-8"}))
	receive(t, o.d.seen)
	got := receive(t, o.refused)
	got.Ack()
	if got.Metadata.Get(inbox.HeaderField) != "replyto" || got.Metadata.Get("ce_id") != "job-7" {
		t.Errorf("kept as %v", got.Metadata)
	}
	receive(t, o.d.seen)
	if answer, _ := o.answer(); answer["id"] != "job-8" {
		t.Errorf("answered %v", answer)
	}
}
