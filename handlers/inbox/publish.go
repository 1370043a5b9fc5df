package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/planted"
	"github.com/duolog/duolog/handlers/cloudevent"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/tracing"
)

// Metadata of messages. The key is what the publishers of this product send as
// the record key; the rest become headers.
const (
	metadataKey = "kafka_key"

	// metadataPartition and metadataOffset are where a command was read.
	metadataPartition = "kafka_partition"
	metadataOffset    = "kafka_offset"
	// HeaderCode, HeaderReason, HeaderField and HeaderFix say why a command was
	// refused.
	HeaderCode   = "code"
	HeaderReason = "reason"
	HeaderField  = "field"
	HeaderFix    = "fix"
	// HeaderEvent is the event a saga made the command of.
	HeaderEvent = "source_event"
)

// Publisher puts commands into the inbox.
type Publisher struct {
	pub   message.Publisher
	topic string
	seal  Seal
	point func(string)
}

// NewPublisher makes a Publisher over one that returns when the message is as
// durable as the log. Named points for crash tests are told to point; nil
// outside them.
func NewPublisher(pub message.Publisher, topic string, seal Seal, point func(string)) *Publisher {
	if point == nil {
		point = func(string) {}
	}
	return &Publisher{pub, topic, seal, point}
}

// Publish returns when the command stands in the topic. After an error its
// outcome is unknown: the same envelope may be published again.
func (p *Publisher) Publish(ctx context.Context, e dispatch.Envelope) error {
	msg, err := envelopeMessage(ctx, e, p.seal)
	if err != nil {
		return err
	}
	p.point("inbox.before_publish")
	if planted.Bug("accepted_before_inbox") {
		time.AfterFunc(100*time.Millisecond, func() { _ = publish(context.WithoutCancel(ctx), p.pub, p.topic, msg) })
		return nil
	}
	if err := publish(ctx, p.pub, p.topic, msg); err != nil {
		return err
	}
	p.point("inbox.after_publish")
	return nil
}

func envelopeMessage(ctx context.Context, e dispatch.Envelope, seal Seal) (*message.Message, error) {
	payload, err := e.Encode()
	if err != nil {
		return nil, err
	}
	msg := message.NewMessage(e.ID.String(), payload)
	msg.SetContext(ctx)
	msg.Metadata.Set(metadataKey, e.Stream)
	msg.Metadata.Set(cloudevent.HeaderContent, cloudevent.JSON)
	msg.Metadata.Set(HeaderSeal, seal.Of(e.Stream, payload))
	set(msg.Metadata, tracing.Header, tracing.Parent(ctx))
	return msg, nil
}

func publish(ctx context.Context, pub message.Publisher, topic string, msg *message.Message) error {
	if err := ctx.Err(); err != nil {
		return notTaken(err)
	}
	if err := pub.Publish(topic, msg); err != nil {
		return notTaken(fmt.Errorf("publish %s to %s: %w", msg.UUID, topic, err))
	}
	return nil
}

func notTaken(err error) error {
	return &domain.Error{Code: domain.CodeNotNow, Message: "the log did not take the command in time", Fix: "send the same request again", Err: err}
}

// Refused is where commands go that were refused, so that whoever sent them
// learns why. What is there can be corrected and sent again.
type Refused struct {
	pub    message.Publisher
	topic  string
	seal   Seal
	logger *slog.Logger
}

// NewRefused makes a Refused over a publisher that takes messages without a key
// and says where they were read.
func NewRefused(pub message.Publisher, topic string, seal Seal, logger *slog.Logger) *Refused {
	return &Refused{pub, topic, seal, logger}
}

// Message keeps a message as it came, but for its token: more people read refusals.
func (r *Refused) Message(ctx context.Context, msg *message.Message, why error) error {
	kept := msg.Copy()
	for name := range kept.Metadata {
		if strings.EqualFold(name, cloudevent.HeaderAuthorization) {
			delete(kept.Metadata, name)
		}
	}
	return r.keep(ctx, kept, why)
}

// Command keeps a command that a saga made of an event and that could neither
// be carried out nor given up.
func (r *Refused) Command(ctx context.Context, event string, req dispatch.Request, why error) error {
	e, err := dispatch.NewEnvelope(req)
	if err != nil {
		return err
	}
	msg, err := envelopeMessage(ctx, e, r.seal)
	if err != nil {
		return err
	}
	msg.Metadata.Set(HeaderEvent, event)
	return r.keep(ctx, msg, why)
}

func (r *Refused) keep(ctx context.Context, msg *message.Message, why error) error {
	// What is refused must be kept though the time for the verdict is up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verdictTimeout)
	defer cancel()
	msg.SetContext(ctx)
	msg.Metadata.Set(HeaderCode, string(domain.CodeOf(why)))
	msg.Metadata.Set(HeaderReason, why.Error())
	if e, ok := errors.AsType[*domain.Error](why); ok {
		msg.Metadata.Set(HeaderReason, e.Message)
		set(msg.Metadata, HeaderField, e.Field)
		set(msg.Metadata, HeaderFix, e.Fix)
	}
	r.logger.WarnContext(ctx, "command refused", slog.String("message", msg.UUID), slog.Any("error", why))
	return publish(ctx, r.pub, r.topic, msg)
}

func set(m message.Metadata, name, value string) {
	if value != "" {
		m.Set(name, value)
	}
}
