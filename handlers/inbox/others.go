package inbox

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/cloudevent"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/entry"
)

// Others takes the commands of everybody who may write to the topic: who stands
// behind one is who its token belongs to.
type Others struct {
	Auth     entry.Authenticator
	Commands entry.Commands
	Replies  Replies
}

// read makes a command of an event. What it returns beside an error holds as much
// as could be read.
func (o Others) read(ctx context.Context, msg *message.Message) (cloudevent.Event, dispatch.Request, error) {
	e, err := cloudevent.Read(msg)
	if err == nil {
		err = o.Replies.check(e.ReplyTo)
	}
	if err != nil {
		return e, dispatch.Request{}, err
	}
	if e.Token == "" {
		return e, dispatch.Request{}, &domain.Error{
			Code: domain.CodeUnauthenticated, Field: cloudevent.HeaderAuthorization, Message: "the command has no token",
			Fix: "send the record header authorization: Bearer <token>",
		}
	}
	who, err := o.Auth.Authenticate(ctx, e.Token)
	if err != nil {
		return e, dispatch.Request{}, err
	}
	r, err := o.Commands.Read(ctx, who, e.Type, e.Key(), e.Data)
	return e, r, err
}
