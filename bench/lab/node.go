package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Node is a running duolog serve.
type Node struct {
	Profiled

	// Address is host:port of its API.
	Address string

	command *exec.Cmd
	ended   chan error
}

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 40 * time.Second // the product's own grace is 20 s
)

// Start starts one more node and returns when it serves.
func (f *Fleet) Start(ctx context.Context) (*Node, error) {
	binary, err := f.lab.Binary(ctx, f.cfg.Tags)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	name := "node-" + strconv.Itoa(len(f.Nodes)+1)
	n := &Node{Address: address, ended: make(chan error, 1), Profiled: Profiled{filepath.Join(f.dir, name+".pprof")}}
	n.command = exec.Command(binary, "serve", "--config", f.config, "--state-dir", filepath.Join(f.dir, name), "--node-id", name, "--listen", address) //nolint:gosec,noctx // what we built; stopped by Close, with time to end
	var said bytes.Buffer
	n.command.Stdout, n.command.Stderr = &said, &said
	n.command.Env = append(append(os.Environ(), "DUOLOG_PPROF="+n.socket), f.cfg.Environment...)
	if err := n.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { n.ended <- n.command.Wait() }()
	if err := n.await(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w\n%s", name, errors.Join(err, n.stop()), said.String())
	}
	f.Nodes = append(f.Nodes, n)
	return n, nil
}

// freeAddress is one that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// await returns when the node says that it is ready.
func (n *Node) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !n.ready(ctx) {
		select {
		case <-tick.C:
		case err := <-n.ended:
			n.ended <- err
			return errors.Join(errors.New("it ended"), err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (n *Node) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Address+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop ends the node as an operator does; one that does not end is killed.
func (n *Node) stop() error {
	_ = n.command.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(stopTimeout, func() { _ = n.command.Process.Kill() })
	defer timer.Stop()
	err := <-n.ended
	n.ended <- err
	if err != nil {
		return fmt.Errorf("duolog serve ended: %w", err)
	}
	return nil
}
