package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// startProfile takes CPU and blocking profiles of the product while it is under
// load, if asked to; the function it returns waits for them.
func (b *bench) startProfile(ctx context.Context, name string) func() error {
	if b.profile == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() { done <- b.fetchProfile(ctx, name) }()
	return func() error { return <-done }
}

func (b *bench) fetchProfile(ctx context.Context, name string) error {
	if err := os.MkdirAll(b.profile, 0o750); err != nil { //nolint:gosec // where the caller wants them
		return fmt.Errorf("make %s: %w", b.profile, err)
	}
	seconds := max(1, int(b.length.Seconds()))
	if err := b.fetch(ctx, fmt.Sprintf("profile?seconds=%d", seconds), "cpu-"+name+".prof"); err != nil {
		return err
	}
	return b.fetch(ctx, "block", "block-"+name+".prof")
}

func (b *bench) fetch(ctx context.Context, what, file string) error {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", b.product.pprof)
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://duolog/debug/pprof/"+what, http.NoBody) //nolint:gosec // over a socket of our own
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	resp, err := client.Do(req) //nolint:gosec // over a socket of our own
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return os.WriteFile(filepath.Join(b.profile, file), raw, 0o600)
}
