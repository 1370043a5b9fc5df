package fakegitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// snapshotEvery bounds what a kill loses.
const snapshotEvery = 200 * time.Millisecond

func (s *Server) snapshotFile() string { return filepath.Join(s.cfg.StateDir, "state.json") }

// load takes the last snapshot, or the seed where there is none. What ran when
// it was written has lost its runner.
func (s *Server) load() error {
	s.state = instance.New()
	text, err := os.ReadFile(s.snapshotFile())
	if errors.Is(err, fs.ErrNotExist) {
		s.dirty = true
		return s.plant(s.ctx, s.cfg.Seed)
	}
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	if err := json.Unmarshal(text, s.state); err != nil {
		return fmt.Errorf("read the state %s: %w", s.snapshotFile(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range instance.Sorted(s.state.Jobs) {
		if j.Status == instance.Running || j.Status == instance.Canceling {
			s.revokeJobToken(j.ID)
			s.ended(j, instance.Failed, instance.RunnerSystemFailure)
			s.advance(s.state.Pipelines[j.Pipeline])
		}
	}
	return nil
}

// keep writes the state down after changes, until the server closes.
func (s *Server) keep() {
	for {
		s.mu.Lock()
		for !s.dirty && !s.closed {
			s.changed.Wait()
		}
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return
		}
		pause(s.ctx, snapshotEvery)
		s.write(s.ctx)
	}
}

// write writes the state down, or says in the log that it is not.
func (s *Server) write(ctx context.Context) {
	if err := s.save(); err != nil {
		s.cfg.Logger.ErrorContext(ctx, "fake GitLab: state not written", slog.Any("error", err))
	}
}

// save writes a snapshot beside the last one and puts it in its place.
func (s *Server) save() error {
	s.mu.Lock()
	text, err := json.Marshal(s.state)
	s.dirty = false
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	beside := s.snapshotFile() + ".new"
	if err := os.WriteFile(beside, text, 0o600); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := os.Rename(beside, s.snapshotFile()); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}
