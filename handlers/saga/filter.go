package saga

import (
	"context"
	"slices"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/handlers/feed"
)

// filtered passes on what a saga reacts to and acknowledges the rest by its
// header, unread: nearly every event is a step of an agent, and no saga's.
type filtered struct {
	message.Subscriber
	// wanted are the types, up to their version: of a version that this build
	// does not know the handler says so.
	wanted []string
}

func only(s Saga, from message.Subscriber) filtered {
	f := filtered{Subscriber: from}
	for _, name := range s.Reacts() {
		f.wanted = append(f.wanted, feed.TypePrefix+name+".v")
	}
	return f
}

// Subscribe reads a topic. A record without a type is passed on: that it cannot
// be read is said in one place.
func (f filtered) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	in, err := f.Subscriber.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for m := range in {
			if !f.wants(m.Metadata.Get(feed.HeaderType)) {
				m.Ack()
				continue
			}
			select {
			case out <- m:
			case <-m.Context().Done(): // it comes again
			}
		}
	}()
	return out, nil
}

func (f filtered) wants(name string) bool {
	return name == "" || slices.ContainsFunc(f.wanted, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
