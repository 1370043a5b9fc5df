package logtest

import (
	wm "github.com/ThreeDotsLabs/watermill/message"

	"github.com/duolog/duolog/internal/kafka"
)

// groupLag: a group that never read has everything before it, one that has
// acknowledged everything nothing.
func groupLag(f *fixture) {
	f.init()
	log := f.open()
	const sent = 3
	publisher, err := kafka.NewCommandPublisher(f.cfg)
	f.must(err)
	for range sent {
		m := wm.NewMessage("", []byte("x"))
		m.Metadata.Set(kafka.MetadataKey, "k")
		f.must(publisher.Publish(f.cfg.CommandsTopic(), m))
	}
	f.must(publisher.Close())
	reader := f.cfg.Prefix + "-group" // as subscribe names it
	lag := func() (got map[string]int64) {
		// A coordinator that has just begun refuses questions for a moment.
		f.eventually("the lag is told", func() (told bool) {
			got, err = log.GroupLag(f.ctx, f.cfg.CommandsTopic(), []string{reader, "nobody"})
			return err == nil
		})
		return got
	}
	if got := lag(); got[reader] != sent || got["nobody"] != sent {
		f.t.Fatalf("before anybody has read: %v", got)
	}
	messages := f.subscribe(f.cfg.CommandsTopic())
	for range sent {
		f.receive(messages).Ack()
	}
	f.eventually("the group acknowledges all", func() bool {
		got := lag()
		return got[reader] == 0 && got["nobody"] == sent
	})
}
