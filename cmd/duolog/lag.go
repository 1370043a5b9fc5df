package main

import (
	"context"
	"log/slog"
	"time"
)

const (
	// showEvery is how often the offsets of the projector are shown to tools.
	showEvery = time.Second
	// showAgain is when an offset that stands still is shown once more: Kafka
	// forgets those of a group without members after a week.
	showAgain = time.Hour
)

// showLag tells consumer-group tools how far this node's partitions are projected.
// It is for their eyes only, so a failure changes nothing and is told once.
func (n *node) showLag(ctx context.Context) error {
	tick := time.NewTicker(showEvery)
	defer tick.Stop()
	shown, failing, fresh := map[int32]int64{}, false, n.cfg.now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if now := n.cfg.now(); now.Sub(fresh) >= showAgain {
			clear(shown)
			fresh = now
		}
		next := n.unshown(shown)
		err := n.log.ShowProjected(ctx, next)
		if err != nil {
			if !failing && ctx.Err() == nil {
				n.cfg.logger.InfoContext(ctx, "the lag of the read models is not shown to Kafka's tools", slog.Any("error", err))
			}
			failing = true
			continue
		}
		failing = false
		for p, offset := range next {
			shown[p] = offset
		}
	}
}

// unshown are the offsets of this node's partitions that changed. A partition that
// goes to another node is forgotten: it may come back.
func (n *node) unshown(shown map[int32]int64) map[int32]int64 {
	next, owned := map[int32]int64{}, map[int32]bool{}
	for _, p := range n.leases.Owned() {
		owned[p] = true
		if offset := n.visible.Next(p); shown[p] != offset {
			next[p] = offset
		}
	}
	for p := range shown {
		if !owned[p] {
			delete(shown, p)
		}
	}
	return next
}
