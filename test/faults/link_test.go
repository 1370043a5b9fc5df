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
	tb    testing.TB
	proxy *toxiproxy.Proxy
}

// newLink forwards an address to another.
func newLink(tb testing.TB, name, listen, upstream string) *link {
	tb.Helper()
	logger := zerolog.Nop()
	l := &link{tb, toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), logger), name, listen, upstream)}
	fleettest.OK(tb, l.proxy.Start())
	tb.Cleanup(l.proxy.Stop)
	return l
}

// cut refuses and breaks all connections until mend.
func (l *link) cut() { l.proxy.Stop() }

func (l *link) mend() {
	l.tb.Helper()
	fleettest.OK(l.tb, l.proxy.Start())
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
	l.tb.Helper()
	b, err := json.Marshal(toxic{kind, direction, kind, 1, attributes})
	fleettest.OK(l.tb, err)
	_, err = l.proxy.Toxics.AddToxicJson(bytes.NewReader(b))
	fleettest.OK(l.tb, err)
	return func() {
		l.tb.Helper()
		fleettest.OK(l.tb, l.proxy.Toxics.RemoveToxic(l.tb.Context(), kind))
	}
}
