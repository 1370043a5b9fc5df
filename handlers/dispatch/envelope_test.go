package dispatch_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
)

func TestEnvelopeBringsBackTheRequest(t *testing.T) {
	id := uuid.Must(uuid.NewV7())
	flow := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: id}
	talk := domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: id}
	for _, r := range []dispatch.Request{
		{Stream: flow, Workflow: &workflow.Start{Goal: "<é>\u0000", CallbackContext: json.RawMessage(`{"a":1}`), Run: true}, Hash: journal.Hash{1}},
		{Stream: flow, Workflow: &workflow.UpdateStatus{Event: workflow.EventStop}},
		{Stream: flow, Workflow: &workflow.SaveCheckpoint{
			ThreadTS: id, ParentTS: &id, NS: `"checkpoint":0,"metadata":0`, Model: `{"checkpoint":0}`,
			Checkpoint: json.RawMessage(`{ "metadata":0, "b" : "<\u003c>", "data":0,"n":1.0 }`), Metadata: json.RawMessage(`{"checkpoint":0 ,"data":0}`),
		}},
		{Stream: talk, Conversation: &conversation.ReceiveMessage{MessageID: "m", Author: "mia", Text: "hi"}},
		{Stream: directory.NamespaceStream("acme", "acme"), Directory: &directory.ChangeNamespace{Root: "acme", Changes: []directory.Change{{SetFlow: &directory.SetFlow{Flow: "developer/v1"}}}}},
		{Stream: directory.UserStream("acme", "mia"), Directory: &directory.ChangeUser{Login: "mia", Create: true}},
	} {
		r.CommandID, r.Principal = uuid.New(), domain.Principal{User: "mia", Run: &domain.RunRef{ID: id, Epoch: 2}}
		got, err := thereAndBack(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got, cmpopts.IgnoreUnexported(workflow.Start{}, workflow.UpdateStatus{}, workflow.SaveCheckpoint{})); diff != "" {
			t.Errorf("%s came back otherwise:\n%s", r.Stream, diff)
		}
	}
}

func thereAndBack(r dispatch.Request) (dispatch.Request, error) {
	e, err := dispatch.NewEnvelope(r)
	if err != nil {
		return r, err
	}
	b, err := e.Encode()
	if err != nil {
		return r, err
	}
	read, err := dispatch.DecodeEnvelope(b)
	if err != nil {
		return r, err
	}
	return read.Request()
}

func TestEnvelopeOfOthersIsChecked(t *testing.T) {
	const head = `{"id":"01980000-0000-7000-8000-000000000001","v":1,"principal":{"user":"mia"},`
	const flow = `"stream":"acme/workflow/01980000-0000-7000-8000-000000000002",`
	for body, code := range map[string]domain.Code{
		``: domain.CodeInvalidBody, `null`: domain.CodeInvalidField, `[]`: domain.CodeInvalidBody, "{\"id\":\"\xff\"}": domain.CodeInvalidBody,
		`{}`: domain.CodeInvalidField, `{"id":"x"}`: domain.CodeInvalidBody,
		head + `"stream":"acme","type":"workflow.start","data":{}}`:                                             domain.CodeInvalidField,
		head + flow + `"type":"workflow.nothing","data":{}}`:                                                    domain.CodeInvalidField,
		head + flow + `"type":"conversation.receive_message","data":{}}`:                                        domain.CodeInvalidField,
		head + `"stream":"acme/user/01980000-0000-7000-8000-000000000002","type":"namespace.change","data":{}}`: domain.CodeInvalidField,
		head + flow + `"type":"workflow.start"}`:                                                                domain.CodeInvalidField,
		head + flow + `"type":"workflow.start","data":[]}`:                                                      domain.CodeInvalidField,
		head + flow + `"type":"workflow.start","data":{"goal":1}}`:                                              domain.CodeInvalidBody,
		head + `"stream":"acme/user/01980000-0000-7000-8000-000000000002","type":"a.b"}`:                        domain.CodeInvalidField,
	} {
		e, err := dispatch.DecodeEnvelope([]byte(body))
		if err == nil {
			_, err = e.Request()
		}
		if domain.CodeOf(err) != code {
			t.Errorf("%s gives %v, not %s", body, err, code)
		}
	}
	if _, err := dispatch.NewEnvelope(dispatch.Request{}); err == nil {
		t.Error("a request without a command has an envelope")
	}
}
