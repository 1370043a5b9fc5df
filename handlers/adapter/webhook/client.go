package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	// dialTime bounds resolving a name and connecting.
	dialTime = 10 * time.Second
	// maxHeader and maxAnswer bound what is read of an answer, in bytes, answerTime
	// how long its body may take: the status has come by then, and is what counts.
	maxHeader  = 16 << 10
	maxAnswer  = 2 << 10
	answerTime = time.Second
)

// ClientConfig says whom hooks may reach.
type ClientConfig struct {
	// Allow lists networks that are reached though they are not the internet, also
	// without TLS. Too many let a hook's owner read what is not theirs; one that
	// is missing fails its hooks.
	Allow []netip.Prefix
	// Timeout bounds an attempt (20 s). Shorter repeats what slow receivers have
	// taken, longer holds up others.
	Timeout time.Duration
	// Resolver resolves names; nil is the system's.
	Resolver *net.Resolver
	// TLS verifies receivers; nil does so by the system's roots.
	TLS *tls.Config
}

// Client posts to hooks. It is safe for concurrent use.
type Client struct {
	http    *http.Client
	timeout time.Duration
}

// Response is what came back.
type Response struct {
	Status     int
	RetryAfter string
	// Body is the beginning of what was said.
	Body string
}

var (
	errPlain        = errors.New("without TLS only allowed networks are reached")
	errNotConnected = errors.New("the receiver was not reached")
)

// NewClient makes a Client. Whatever a URL says and a name resolves to, the
// address is checked when the connection is made.
func NewClient(cfg ClientConfig) *Client {
	plain := &net.Dialer{Timeout: dialTime, Resolver: cfg.Resolver, Control: onlyAllowed(cfg.Allow)}
	secure := &tls.Dialer{
		NetDialer: &net.Dialer{Timeout: dialTime, Resolver: cfg.Resolver, Control: guard(cfg.Allow).Safe}, Config: cfg.TLS,
	}
	return &Client{timeout: cmp.Or(cfg.Timeout, 20*time.Second), http: &http.Client{
		// Each attempt connects anew, and so is checked anew. No proxy of the
		// environment stands between: it would connect in our place.
		Transport: &http.Transport{
			DialContext: connecting(plain.DialContext), DialTLSContext: connecting(secure.DialContext),
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type dial func(ctx context.Context, network, address string) (net.Conn, error)

// connecting marks the errors of a connection that was not made, with TLS where
// it is asked for: nothing was sent then.
func connecting(to dial) dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := to(ctx, network, address)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNotConnected, err)
		}
		return c, nil
	}
}

// guard lets the internet through, and what is allowed beside it.
func guard(allow []netip.Prefix) *ssrf.Guardian {
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}

// onlyAllowed lets through what is allowed alone.
func onlyAllowed(allow []netip.Prefix) func(network, address string, c syscall.RawConn) error {
	safe := guard(allow).Safe
	return func(network, address string, c syscall.RawConn) error {
		if err := safe(network, address, c); err != nil {
			return err
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %q", ssrf.ErrInvalidHostPort, address)
		}
		for _, p := range allow {
			if p.Contains(at.Addr()) {
				return nil
			}
		}
		return fmt.Errorf("%w: %s is none", errPlain, at.Addr())
	}
}

// Post makes one attempt. After an error it may have been received all the same,
// unless Forbidden says that nobody was called.
func (c *Client) Post(ctx context.Context, url string, header http.Header, body []byte) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Response{}, fmt.Errorf("make the request: %w", err)
	}
	req.Header = header
	res, err := c.http.Do(req)
	if err != nil {
		return Response{}, withoutURL(err)
	}
	defer res.Body.Close() //nolint:errcheck // the connection goes with it
	defer time.AfterFunc(answerTime, cancel).Stop()
	said, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // what came until then
	return Response{Status: res.StatusCode, RetryAfter: res.Header.Get("Retry-After"), Body: string(said)}, nil
}

// Forbidden says whether the address was refused before anybody was called.
func Forbidden(err error) bool {
	return errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork) || errors.Is(err, errPlain)
}
