package main

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

const (
	// showEvery is how often the offsets of the projector are shown to tools.
	showEvery = time.Second
	// showAgain is when offsets that stand still are shown once more: Kafka
	// forgets those of a group without members after a week.
	showAgain = time.Hour
)

// showLag tells consumer-group tools how far this node's partitions are projected.
// It is for their eyes only, so a failure changes nothing and is told once.
func (n *node) showLag(ctx context.Context) error {
	tick := time.NewTicker(showEvery)
	defer tick.Stop()
	shown, begun, failing := map[int32]int64{}, n.cfg.now(), false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if now := n.cfg.now(); now.Sub(begun) >= showAgain {
			shown, begun = map[int32]int64{}, now
		}
		err := n.showOnce(ctx, shown)
		if err != nil && !failing && ctx.Err() == nil {
			n.cfg.logger.InfoContext(ctx, "how far the read models are is not shown to Kafka's tools", slog.Any("error", err))
		}
		failing = err != nil
	}
}

// showOnce shows what changed since it was shown. A partition that went to another
// node is forgotten: it may come back.
func (n *node) showOnce(ctx context.Context, shown map[int32]int64) error {
	now, changed := map[int32]int64{}, map[int32]int64{}
	for _, p := range n.leases.Owned() {
		now[p] = n.visible.Next(p)
		if now[p] != shown[p] {
			changed[p] = now[p]
		}
	}
	maps.DeleteFunc(shown, func(p int32, _ int64) bool { _, owned := now[p]; return !owned })
	err := n.log.ShowProjected(ctx, changed)
	if err == nil {
		maps.Copy(shown, changed)
	}
	return err
}
