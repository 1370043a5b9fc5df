package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/cloudevent"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/tracing"
)

// Types of answers, and what their schemas are called.
const (
	typeAccepted = "accepted.v1"
	typeRefused  = "refused.v1"
)

// The names that Kafka takes for topics.
const (
	maxTopic     = 249
	topicLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
)

// Replies sends the answers to commands to the topics that their senders name.
type Replies struct {
	// Publisher writes to any topic. A *domain.Error means that the topic never takes
	// the answer; after any other error it may be there, and is sent again.
	Publisher message.Publisher
	// Prefixes are what the topics may begin with; none allows none.
	Prefixes []string
	// Own are the topics of this deployment: an answer in one of them would be taken
	// for something else.
	Own []string
	Now func() time.Time
}

// check refuses a topic that no answer may go to.
func (r Replies) check(topic string) error {
	if r.takes(topic) || topic == "" {
		return nil
	}
	return domain.InvalidField("replyto", fmt.Sprintf("answers may not go to the topic %.80q", topic), "name a topic that begins with "+strings.Join(r.Prefixes, " or "))
}

// takes says whether answers may go to a topic.
func (r Replies) takes(topic string) bool {
	legal := len(topic) <= maxTopic && strings.Trim(topic, topicLetters) == ""
	allowed := func(prefix string) bool { return prefix != "" && strings.HasPrefix(topic, prefix) }
	return legal && !slices.Contains(r.Own, topic) && slices.ContainsFunc(r.Prefixes, allowed)
}

// reply is the data of an answer.
type reply struct {
	// ID, Source and Type are those of the command, Record is where it was read.
	ID     string `json:"id,omitempty"`
	Source string `json:"source,omitempty"`
	Type   string `json:"type,omitempty"`
	Record string `json:"record"`

	CommandID string `json:"command_id,omitempty"`
	// Workflow or Conversation is what the command was for.
	Workflow     *replyWorkflow `json:"workflow,omitempty"`
	Conversation string         `json:"conversation_id,omitempty"`
	// Changed is false when it was so already, or was carried out before.
	Changed *bool       `json:"changed,omitempty"`
	Error   *replyError `json:"error,omitempty"`
}

type replyWorkflow struct {
	ID     uuid.UUID `json:"id"`
	Number int64     `json:"number"`
}

// replyError has the shape that refusals have over HTTP.
type replyError struct {
	Code    domain.Code `json:"code"`
	Message string      `json:"message"`
	Field   string      `json:"field,omitempty"`
	Fix     string      `json:"fix,omitempty"`
}

// verdict is what became of a command of somebody outside.
type verdict struct {
	from   cloudevent.Event
	req    dispatch.Request
	result dispatch.Result
	err    error
}

// send answers a command. The answer to one command always has the same id.
func (r Replies) send(ctx context.Context, msg *message.Message, v verdict) error {
	if !r.takes(v.from.ReplyTo) {
		return nil // there is none, or it was the reason to refuse the command
	}
	kind, data := typeAccepted, v.reply(msg)
	if v.err != nil {
		kind = typeRefused
	}
	value, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("answer %s: %w", msg.UUID, err)
	}
	out := message.NewMessage(uuid.NewSHA1(uuid.NameSpaceOID, []byte("duolog:reply:"+data.Record)).String(), value)
	out.SetContext(ctx)
	out.Metadata = message.Metadata{
		metadataKey: keyOf(msg), cloudevent.HeaderContent: cloudevent.JSON, cloudevent.Attribute + "specversion": "1.0", cloudevent.Attribute + "id": out.UUID,
		cloudevent.Attribute + "source": "/commands", cloudevent.Attribute + "type": "dev.duolog.command." + kind,
		cloudevent.Attribute + "time": r.Now().UTC().Format(time.RFC3339Nano), cloudevent.Attribute + "dataschema": "/schemas/inbox/" + kind + ".json",
	}
	set(out.Metadata, cloudevent.Attribute+"subject", v.from.ID)
	set(out.Metadata, tracing.Header, tracing.Parent(ctx))
	if err := r.Publisher.Publish(v.from.ReplyTo, out); err != nil {
		return fmt.Errorf("answer the command at %s on %s: %w", data.Record, v.from.ReplyTo, err)
	}
	return nil
}

// keyOf is the key of the answer: that of the command, so that those of one sender
// keep their order.
func keyOf(msg *message.Message) string {
	if key := msg.Metadata.Get(metadataKey); key != "" {
		return key
	}
	return msg.UUID
}

func (v verdict) reply(msg *message.Message) reply {
	out := reply{
		ID: v.from.ID, Source: v.from.Source, Type: v.from.Type,
		Record: msg.Metadata.Get(metadataPartition) + ":" + msg.Metadata.Get(metadataOffset),
	}
	if v.req.CommandID != uuid.Nil {
		out.CommandID = v.req.CommandID.String()
	}
	if v.err != nil {
		out.Error = errorOf(v.err)
		return out
	}
	out.Changed = &v.result.Changed
	if v.req.Conversation != nil {
		out.Conversation = v.req.Stream.ID.String()
	} else {
		out.Workflow = &replyWorkflow{v.req.Stream.ID, v.result.Number}
	}
	return out
}

func errorOf(err error) *replyError {
	if e, ok := errors.AsType[*domain.Error](err); ok {
		return &replyError{Code: e.Code, Message: e.Message, Field: e.Field, Fix: e.Fix}
	}
	return &replyError{Code: domain.CodeInternal, Message: "the command could not be carried out", Fix: "report it with the place of the record"}
}
