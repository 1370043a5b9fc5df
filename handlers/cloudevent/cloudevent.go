// Package cloudevent reads the events that others put on a topic: CloudEvents 1.0 in
// binary mode, the attributes as headers that begin with ce_, or in structured mode,
// the whole event as JSON in the value.
package cloudevent

import (
	"encoding/base64"
	"fmt"
	"mime"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/document"
)

// Headers of a record: the attributes in binary mode, the type of the value, and the
// token of who wrote it, which is no attribute.
const (
	// Attribute begins the names of attributes.
	Attribute           = "ce_"
	HeaderContent       = "content-type"
	HeaderAuthorization = "authorization"
)

// JSON is the type of data that is taken.
const JSON = "application/json"

const (
	structured   = "application/cloudevents+json"
	batch        = "application/cloudevents-batch+json"
	maxAttribute = 255
	maxDepth     = 130 // the data and the event around it
)

// Event is what somebody put on a topic.
type Event struct {
	ID, Source, Type string
	// ReplyTo is the topic that the answer goes to; empty for none.
	ReplyTo string
	Data    []byte
	// Token says who it is from; empty without one.
	Token string
}

// Key names the event among all of its author's: source and id together are one.
func (e Event) Key() string { return "event:" + e.Source + "\x00" + e.ID }

// Read reads the event of a record, or returns a *domain.Error that says why it is
// none. What it returns beside an error holds as much as could be read, so that the
// author can be told.
func Read(msg *message.Message) (Event, error) {
	content, _, err := mime.ParseMediaType(header(msg, HeaderContent))
	switch {
	case err == nil && content == structured:
		return readStructured(msg)
	case err == nil && content == batch:
		return Event{}, document.InvalidBody("a batch of events is not taken", "send each as a record of its own", nil)
	case msg.Metadata.Get(Attribute+"specversion") == "":
		return Event{}, document.InvalidBody("the record is no CloudEvent", "send the attributes as headers that begin with ce_, or content-type "+structured, nil)
	}
	attributes := func(name string) string { return msg.Metadata.Get(Attribute + name) }
	e := of(msg, attributes)
	e.Data = msg.Payload
	return e, e.check(attributes("specversion"), header(msg, HeaderContent))
}

// readStructured reads an event whose attributes stand in the value.
func readStructured(msg *message.Message) (Event, error) {
	doc, err := document.Parse(msg.Payload, maxDepth)
	if err != nil {
		return Event{}, err
	}
	f := &document.Fields{Doc: doc}
	e := of(msg, f.Text)
	version, content := f.Text("specversion"), f.Text("datacontenttype")
	e.Data = doc["data"]
	if encoded := f.Text("data_base64"); encoded != "" {
		if e.Data, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			f.Refuse("data_base64", "data_base64 is not base64", "send data as it is", err)
		}
	}
	if f.Err != nil {
		return e, f.Err
	}
	return e, e.check(version, content)
}

func of(msg *message.Message, attributes func(name string) string) Event {
	return Event{
		ID: attributes("id"), Source: attributes("source"), Type: attributes("type"), ReplyTo: attributes("replyto"), Token: bearer(msg),
	}
}

// check says which attribute makes it no event of ours.
func (e Event) check(version, content string) error {
	if version != "1.0" {
		return domain.InvalidField("specversion", fmt.Sprintf("specversion is %.20q", version), "send 1.0")
	}
	for _, must := range [][2]string{{"id", e.ID}, {"source", e.Source}, {"type", e.Type}} {
		if must[1] == "" {
			return domain.InvalidField(must[0], "the event has no "+must[0], "send the CloudEvents attribute "+must[0])
		}
		if err := domain.CheckText(must[0], must[1], maxAttribute); err != nil {
			return err
		}
	}
	if kind, _, err := mime.ParseMediaType(content); content != "" && (err != nil || kind != JSON) {
		return domain.InvalidField("datacontenttype", fmt.Sprintf("data of type %.80q is not taken", content), "send "+JSON)
	}
	if len(e.Data) == 0 {
		return domain.InvalidField("data", "the event has no data", "send the fields as a JSON object")
	}
	return nil
}

// bearer is the token that a record carries, or empty.
func bearer(msg *message.Message) string {
	scheme, token, _ := strings.Cut(header(msg, HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// header is one of the headers that clients write in either case.
func header(msg *message.Message, name string) string {
	if v := msg.Metadata.Get(name); v != "" {
		return v
	}
	for k, v := range msg.Metadata {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}
