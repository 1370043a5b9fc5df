package fakegitlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/duolog/duolog/internal/fakegitlab/fault"
	"github.com/duolog/duolog/internal/fakegitlab/gitrepo"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// Server is a running fake GitLab.
type Server struct {
	cfg   Config
	url   string
	http  *http.Server
	lock  *flock.Flock
	repos *gitrepo.Store
	hooks *http.Client
	// faults has a lock of its own.
	faults fault.Rules

	// mu guards state, dirty, closed and running; changed tells those who wait for work
	// or for a change to write down.
	mu      sync.Mutex
	changed *sync.Cond
	state   *instance.State
	dirty   bool
	closed  bool
	// running are the jobs that have processes, and what ends those.
	running map[int64]context.CancelFunc

	// ctx ends with the server; work is what ends before Close returns.
	ctx    context.Context //nolint:containedctx // the lifetime of the goroutines below, ended by Close
	cancel context.CancelFunc
	work   sync.WaitGroup
}

const (
	closeTimeout  = 2 * time.Second
	headerTimeout = 10 * time.Second
)

// Start opens the state directory, fills an empty one from the seed, and
// listens. The caller owns the server until Close.
func Start(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.StateDir, err = filepath.Abs(cfg.StateDir); err != nil {
		return nil, fmt.Errorf("fake GitLab: state directory: %w", err)
	}
	lock, err := lockDir(cfg.StateDir)
	if err != nil {
		return nil, fmt.Errorf("fake GitLab: %w", err)
	}
	s, err := open(cfg)
	if err != nil {
		return nil, fmt.Errorf("fake GitLab: %w", errors.Join(err, lock.Close()))
	}
	s.lock = lock
	return s, nil
}

// lockDir keeps a second one out of the state directory.
func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if got, err := lock.TryLock(); err != nil || !got {
		return nil, errors.Join(fmt.Errorf("another fake GitLab uses %s", dir), err)
	}
	return lock, nil
}

func open(cfg Config) (*Server, error) {
	for _, dir := range []string{"traces", "builds"} {
		if err := os.MkdirAll(filepath.Join(cfg.StateDir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("make %s: %w", dir, err)
		}
	}
	repos, err := gitrepo.Open(filepath.Join(cfg.StateDir, "repositories"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:forbidigo // ends with Close
	s := &Server{cfg: cfg, repos: repos, hooks: &http.Client{Transport: &http.Transport{}}, ctx: ctx, cancel: cancel, running: map[int64]context.CancelFunc{}}
	s.changed = sync.NewCond(&s.mu)
	if err := s.begin(); err != nil {
		cancel()
		return nil, err
	}
	return s, nil
}

// begin takes the state over and starts what serves it.
func (s *Server) begin() error {
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	if err := s.load(); err != nil {
		return errors.Join(err, listener.Close())
	}
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: headerTimeout}
	s.work.Go(func() { _ = s.http.Serve(listener) }) // ends with Close alone
	s.work.Go(s.keep)
	s.work.Go(s.unstick)
	for n := range s.cfg.Runners {
		s.work.Go(func() { s.worker(n + 1) })
	}
	return nil
}

// URL is where it listens, without a slash at the end.
func (s *Server) URL() string { return s.url }

// Close ends running jobs and connections and writes the state down.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, closeTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		_ = s.http.Close()
	}
	s.cancel()
	s.work.Wait()
	s.hooks.CloseIdleConnections()
	s.write(context.WithoutCancel(s.ctx))
	_ = s.lock.Close() // goes with the process too
}

// touched says that the state changed: it is written down soon, and whoever
// waits for work looks. The lock is held.
func (s *Server) touched() {
	s.dirty = true
	s.changed.Broadcast()
}
