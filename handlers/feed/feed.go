// Package feed is the form of an accepted event on the topic duolog.events: a
// CloudEvent in binary mode, the attributes as ce_ headers, the data as JSON.
// The relay writes it, sagas and other consumers read it.
package feed

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// Header names of an event message.
const (
	HeaderID       = "ce_id"
	HeaderType     = "ce_type"
	HeaderSource   = "ce_source"
	HeaderSubject  = "ce_subject"
	HeaderTime     = "ce_time"
	HeaderSpec     = "ce_specversion"
	HeaderSchema   = "ce_dataschema"
	HeaderSequence = "ce_sequence"
	HeaderPosition = "ce_position"
	// HeaderLog is the id of the log that HeaderPosition is a position of.
	HeaderLog     = "ce_log"
	HeaderContent = "content-type"
)

// TypePrefix begins every CloudEvents type of Duolog.
const TypePrefix = "dev.duolog."

// Where the API has workflows, conversations and the directory.
const (
	WorkflowsPath     = "/api/v4/ai/duo_workflows/workflows"
	ConversationsPath = "/v1/conversations"
	DirectoryPath     = "/v1/directory"
)

// Event is one accepted event.
type Event struct {
	// ID is stable: the commit's id and the index of the event in it.
	ID string `json:"-"`
	// Stream is tenant/kind/id, Number what people call the workflow.
	Stream   domain.StreamID  `json:"stream"`
	Position string           `json:"position"`
	Index    int              `json:"index"`
	Type     string           `json:"type"`
	V        int              `json:"v"`
	Time     time.Time        `json:"time"`
	Actor    domain.Principal `json:"principal"`
	Command  uuid.UUID        `json:"command_id"`
	Data     json.RawMessage  `json:"data"`
	// Link is the path at the API of the event with its texts in full, for those who
	// may read them.
	Link string `json:"link"`
}

// Of lists the events of an accepted commit.
func Of(c journal.Commit, at domain.Position) []Event {
	out := make([]Event, len(c.Events))
	commands := c.Commands()
	for i, e := range c.Events {
		out[i] = Event{
			ID: c.ID.String() + "/" + strconv.Itoa(i), Stream: c.Stream, Position: at.String(), Index: i,
			Type: e.Type, V: e.V, Time: c.Time, Actor: c.Principal, Command: journal.CommandOf(commands, i).ID, Data: e.Data, Link: link(c.Stream, at, i),
		}
	}
	return out
}

func link(stream domain.StreamID, at domain.Position, index int) string {
	switch stream.Kind {
	case domain.KindWorkflow: // below
	case domain.KindConversation:
		return ConversationsPath + "/" + stream.ID.String()
	case domain.KindNamespace, domain.KindUser:
		return DirectoryPath + "/timeline/" + string(stream.Kind) + "/" + stream.ID.String() + "/" + at.String() + "/" + strconv.Itoa(index)
	}
	return WorkflowsPath + "/" + stream.ID.String() + "/timeline/" + at.String() + "/" + strconv.Itoa(index)
}

// Message is the record of the event in partition p of the events topic.
func (e Event) Message(p, partitions int32, log uuid.UUID) (journal.Message, error) {
	at, err := domain.ParsePosition(e.Position)
	if err != nil {
		return journal.Message{}, err
	}
	name := journal.TypeName(e.Type, e.V)
	headers := [][2]string{
		{HeaderSpec, "1.0"},
		{HeaderID, e.ID},
		{HeaderType, TypePrefix + name},
		{HeaderSource, "/tenants/" + string(e.Stream.Tenant)},
		{HeaderSubject, string(e.Stream.Kind) + "/" + e.Stream.ID.String()},
		{HeaderTime, e.Time.UTC().Format(time.RFC3339Nano)},
		{HeaderSchema, "/schemas/events/" + name + ".json"},
		{HeaderSequence, fmt.Sprintf("%020d", at.ItemNumber(partitions, e.Index))},
		{HeaderPosition, e.Position},
		{HeaderLog, log.String()},
		{HeaderContent, "application/json"},
	}
	m := journal.Message{Partition: p, Key: []byte(e.Stream.String()), Value: e.AppendJSON([]byte{'{'}), Time: e.Time}
	for _, h := range headers {
		m.Headers = append(m.Headers, journal.Header{Key: h[0], Value: []byte(h[1])})
	}
	return m, nil
}

// AppendJSON writes the members of what encoding/json makes of e, without escaping
// for HTML, and the end of the object, whose beginning is there.
func (e Event) AppendJSON(b []byte) []byte {
	b = domain.AppendText(append(b, `"stream":`...), e.Stream.String())
	b = domain.AppendText(append(b, `,"position":`...), e.Position)
	b = strconv.AppendInt(append(b, `,"index":`...), int64(e.Index), 10)
	b = domain.AppendText(append(b, `,"type":`...), e.Type)
	b = strconv.AppendInt(append(b, `,"v":`...), int64(e.V), 10)
	b = e.Time.AppendFormat(append(b, `,"time":"`...), time.RFC3339Nano)
	b = e.Actor.AppendJSON(append(b, `","principal":`...))
	b = domain.AppendText(append(b, `,"command_id":`...), e.Command.String())
	b = append(append(b, `,"data":`...), e.Data...)
	b = domain.AppendText(append(b, `,"link":`...), e.Link)
	return append(b, '}')
}

// Parse reads the value of an event message; id is its ce_id.
func Parse(id string, value []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(value, &e); err != nil {
		return Event{}, fmt.Errorf("read event %q: %w", id, err)
	}
	if id == "" || e.Type == "" || e.Stream.Kind == "" {
		return Event{}, fmt.Errorf("event %q has no id, type or stream", id)
	}
	e.ID = id
	return e, nil
}

// Origin is where an event record says it comes from.
type Origin struct {
	Position domain.Position
	Commit   uuid.UUID
	// Index is that of the event in the commit.
	Index int
}

// OriginOf reads the headers that Message wrote. A record that lacks a usable
// ce_position or ce_id is an error: it is not ours.
func OriginOf(r journal.Record) (Origin, error) {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	at, err := domain.ParsePosition(headers[HeaderPosition])
	if err != nil {
		return Origin{}, fmt.Errorf("%s of the record at %s: %w", HeaderPosition, r.Position, err)
	}
	commit, index, _ := strings.Cut(headers[HeaderID], "/")
	o := Origin{Position: at}
	if o.Commit, err = uuid.Parse(commit); err != nil {
		return Origin{}, fmt.Errorf("%s of the record at %s: %w", HeaderID, r.Position, err)
	}
	if o.Index, err = strconv.Atoi(index); err != nil || o.Index < 0 {
		return Origin{}, fmt.Errorf("%s of the record at %s names no event of a commit", HeaderID, r.Position)
	}
	return o, nil
}
