package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/duolog/duolog/bench/forge"
	"github.com/duolog/duolog/bench/lab"
)

// forged is a fleet without nodes over a log of that many events, and how large one
// is. The log is kept for the next run with the same domain.
func (b *bench) forged(ctx context.Context) (f *lab.Fleet, size string, err error) {
	dir, err := b.logDir(ctx)
	if err != nil {
		return nil, "", err
	}
	complete := filepath.Join(dir, "complete")
	known, missing := os.ReadFile(complete) //nolint:gosec // below our own directory
	if missing != nil {
		older, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), fmt.Sprintf("log-%d-*", b.events)))
		for _, log := range older {
			if err := os.RemoveAll(log); err != nil {
				return nil, "", fmt.Errorf("remove an older log: %w", err)
			}
		}
	}
	broker, err := lab.StartBroker(ctx, filepath.Join(dir, "log"))
	if err != nil {
		return nil, "", err
	}
	if f, err = b.fleet(ctx, 0, lab.FleetConfig{Broker: broker}); err != nil {
		return nil, "", errors.Join(err, broker.Close())
	}
	if missing == nil {
		return f, string(known), nil
	}
	if size, err = b.forge(ctx, broker.Address, dir); err == nil {
		err = os.WriteFile(complete, []byte(size), 0o600)
	}
	if err != nil {
		return nil, "", errors.Join(err, f.Close(), broker.Close())
	}
	return f, size, nil
}

// forge writes the log and says how large an event of it is.
func (b *bench) forge(ctx context.Context, broker, dir string) (size string, err error) {
	b.say("P6, writing a log of %d events to %s", b.events, dir)
	err = forge.Write(ctx, forge.Log{
		Broker: broker, Prefix: lab.Prefix, Events: b.events, Texts: b.texts, Began: b.now().Add(-24 * time.Hour),
		Progress: func(partition int32, events, bytes int) {
			if partition == 0 {
				size = strconv.Itoa(bytes / events)
				b.say("P6, %d events of partition 0", events)
			}
		},
	})
	return size, err
}

// logDir is where the log of this domain's events is kept.
func (b *bench) logDir(ctx context.Context) (string, error) {
	tree, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD:domain").Output()
	if err != nil {
		return "", fmt.Errorf("which version of domain/ this is: %w", err)
	}
	return filepath.Abs(filepath.Join("bench", ".cache", fmt.Sprintf("log-%d-%s", b.events, strings.TrimSpace(string(tree)))))
}
