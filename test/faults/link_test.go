//go:build faults

package faults_test

import (
	"bytes"
	"encoding/json"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/duolog/duolog/internal/fleettest"
)

// link is a connection that a test can disturb.
type link struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// newLink forwards an address to another.
func newLink(t testing.TB, name, listen, upstream string) *link {
	t.Helper()
	logger := zerolog.Nop()
	l := &link{t, toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), logger), name, listen, upstream)}
	fleettest.OK(t, l.proxy.Start())
	t.Cleanup(l.proxy.Stop)
	return l
}

// cut refuses and breaks all connections until mend.
func (l *link) cut() { l.proxy.Stop() }

func (l *link) mend() {
	l.t.Helper()
	fleettest.OK(l.t, l.proxy.Start())
}

// toxic is how a direction of a link is disturbed.
type toxic struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Name       string         `json:"name"`
	Toxicity   float32        `json:"toxicity"`
	Attributes map[string]int `json:"attributes"`
}

// Directions of a link.
const (
	requests = "upstream"
	answers  = "downstream"
)

// disturb adds a toxic until the returned function takes it away.
func (l *link) disturb(kind, direction string, attributes map[string]int) (calm func()) {
	l.t.Helper()
	b, err := json.Marshal(toxic{kind, direction, kind, 1, attributes})
	fleettest.OK(l.t, err)
	_, err = l.proxy.Toxics.AddToxicJson(bytes.NewReader(b))
	fleettest.OK(l.t, err)
	return func() {
		l.t.Helper()
		fleettest.OK(l.t, l.proxy.Toxics.RemoveToxic(l.t.Context(), kind))
	}
}
