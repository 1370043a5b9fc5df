package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/duolog/duolog/handlers/adapter/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// names is a DNS server that answers each question with the next of its
// addresses, the last one for ever.
type names struct {
	mu        sync.Mutex
	addresses []string
}

func (n *names) next() netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := netip.MustParseAddr(n.addresses[0])
	if len(n.addresses) > 1 {
		n.addresses = n.addresses[1:]
	}
	return a
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go n.serve(server)
		return client, nil
	}}
}

// serve answers questions in the framing of TCP.
func (n *names) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for {
		var size uint16
		if binary.Read(c, binary.BigEndian, &size) != nil {
			return
		}
		q := make([]byte, size)
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		answer := n.answer(q)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer repeats the question and adds an address of the type it asks for, if
// the next one is of it.
func (n *names) answer(q []byte) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	end += 5
	kind := binary.BigEndian.Uint16(q[end-4:])
	out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
	a := netip.MustParseAddr("0.0.0.0")
	if kind == 1 {
		a = n.next()
	}
	if kind == 1 && a.Is4() {
		out[7] = 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, a.AsSlice()...)
	}
	return out
}

// reached counts who comes by on loopback.
func reached(t *testing.T) (port string, count *atomic.Int32) {
	t.Helper()
	count = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { count.Add(1) }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, count
}

// spellings are ways to write this machine, the machines beside it, and the
// services of a cloud; a name among them resolves to 127.0.0.1 here, as it would
// where somebody rebinds it.
func spellings() []string {
	return strings.Fields(`
		127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 127.0.0.1. 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 0x7f.0.0.1 0177.0.0.1
		017700000001 0177.1 0x7F.0x0.0x0.0x1 127.000.000.001 00000177.0.0.1 127.0.0.01 %31%32%37.0.0.1 127%2e0%2e0%2e1
		0.0.0.0 0 0x0 00 0.0.0.1 localhost LOCALHOST localhost. localhost.localdomain foo.localhost ip6-localhost ip6-loopback
		127.0.0.1.nip.io localtest.me rebind.example.com 1.0.0.127.in-addr.arpa ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 １２７.0.0.1
		[::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [0::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1]
		[0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] [2002:7f00:0001::1]
		[fe80::1] [fc00::1] [fd00:ec2::254] [ff02::1] [2001:0:7f00:1::] 169.254.169.254 169.254.0.1 0xa9fea9fe 2852039166 [::ffff:169.254.169.254]
		10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 100.64.0.1 198.18.0.1 192.0.2.1 224.0.0.1 255.255.255.255
	`)
}

// noAddress says that a spelling is none to Go: it names no host.
func noAddress(err error) bool {
	var missing *net.DNSError
	return errors.As(err, &missing) && missing.IsNotFound || strings.Contains(err.Error(), "invalid URL escape")
}

func TestNoSpellingReachesThisMachine(t *testing.T) {
	t.Parallel()
	if n := len(spellings()); n < 60 {
		t.Fatalf("%d spellings", n)
	}
	port, count := reached(t)
	resolver := (&names{addresses: []string{"127.0.0.1"}}).resolver()
	client := webhook.NewClient(webhook.ClientConfig{Timeout: 10 * time.Second, Resolver: resolver})
	for _, spelling := range spellings() {
		for _, scheme := range []string{"http", "https"} {
			url := scheme + "://" + spelling + ":" + port + "/"
			_, err := client.Post(t.Context(), url, http.Header{}, []byte("{}"))
			if err == nil || !webhook.Forbidden(err) && !noAddress(err) {
				t.Errorf("%s is called: %v", url, err)
			}
		}
	}
	if n := count.Load(); n != 0 {
		t.Errorf("%d calls came", n)
	}
}

// A name that led to the internet when somebody looked leads here when it is
// called: what counts is the address that is connected to.
func TestRebinding(t *testing.T) {
	t.Parallel()
	port, count := reached(t)
	server := &names{addresses: []string{"127.0.0.1", "127.0.0.1", "169.254.169.254", "10.0.0.1"}}
	client := webhook.NewClient(webhook.ClientConfig{Timeout: 10 * time.Second, Resolver: server.resolver()})
	for range 4 {
		if _, err := client.Post(t.Context(), "https://rebind.example.com:"+port, http.Header{}, nil); !webhook.Forbidden(err) {
			t.Errorf("%v is no refusal of the address", err)
		}
	}
	if n := count.Load(); n != 0 {
		t.Errorf("%d calls came", n)
	}
}

func TestAllowedNetworks(t *testing.T) {
	t.Parallel()
	port, count := reached(t)
	resolver := (&names{addresses: []string{"127.0.0.1"}}).resolver()
	post := func(allow, url string) error {
		var prefixes []netip.Prefix
		for p := range strings.FieldsSeq(allow) {
			prefixes = append(prefixes, netip.MustParsePrefix(p))
		}
		_, err := webhook.NewClient(webhook.ClientConfig{Allow: prefixes, Resolver: resolver}).Post(t.Context(), url, http.Header{}, nil)
		return err
	}
	for _, url := range []string{"http://127.0.0.1:" + port, "http://hooks.internal.example:" + port} {
		if err := post("fd00::/8 127.0.0.0/8", url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if n := count.Load(); n != 2 {
		t.Errorf("%d calls came", n)
	}
	for allow, url := range map[string]string{
		"10.0.0.0/8":      "http://127.0.0.1:" + port,
		"127.0.0.2/32":    "http://127.0.0.1:" + port,
		"127.0.0.1/32":    "http://[::1]:" + port,
		"192.168.0.0/16":  "http://hooks.internal.example:" + port,
		"127.0.0.0/8":     "http://203.0.113.7:" + port,
		"203.0.113.0/32 ": "http://8.8.8.8:" + port, // the internet, but in the clear
	} {
		if err := post(allow, url); !webhook.Forbidden(err) {
			t.Errorf("%s with %s allowed: %v", url, allow, err)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resolver := (&names{addresses: []string{"127.0.0.1"}}).resolver()
	for name, c := range map[string]struct {
		host  string
		roots *x509.CertPool
		ok    bool
	}{
		"known":               {"example.com", roots, true},
		"under another name":  {"hooks.internal", roots, false},
		"of an unknown maker": {"example.com", nil, false},
	} {
		client := webhook.NewClient(webhook.ClientConfig{Allow: loopback, Resolver: resolver, TLS: &tls.Config{RootCAs: c.roots}})
		res, err := client.Post(t.Context(), "https://"+c.host+":"+port, http.Header{}, nil)
		if c.ok && (err != nil || res.Status != http.StatusOK) || !c.ok && (err == nil || !strings.Contains(err.Error(), "was not reached")) {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls came", n)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	port, _ := reached(t)
	proxy, asked := reached(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:"+proxy)
	}
	client := webhook.NewClient(webhook.ClientConfig{Allow: loopback})
	if _, err := client.Post(t.Context(), "http://127.0.0.1:"+port, http.Header{}, nil); err != nil {
		t.Error(err)
	}
	if n := asked.Load(); n != 0 {
		t.Error("the proxy was asked")
	}
}
