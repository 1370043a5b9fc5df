package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ProfileTag builds the product with a socket for profiles.
const ProfileTag = "pprof"

// Profiled is a process that was built with ProfileTag.
type Profiled struct{ socket string }

// CPUProfile is a profile of its processor time over that long.
func (p Profiled) CPUProfile(ctx context.Context, length time.Duration) ([]byte, error) {
	return p.fetch(ctx, fmt.Sprintf("profile?seconds=%d", max(1, int(length.Seconds()))))
}

// Profile is another of its profiles: block, heap, allocs, goroutine.
func (p Profiled) Profile(ctx context.Context, name string) ([]byte, error) {
	return p.fetch(ctx, name)
}

func (p Profiled) fetch(ctx context.Context, what string) ([]byte, error) {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", p.socket)
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://duolog/debug/pprof/"+what, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("profile: %s: %w", resp.Status, err)
	}
	return raw, nil
}
