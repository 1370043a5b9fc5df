package standard_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

const (
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other   = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	private = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	message = "msg_p5jXN8AQM9LWM0D4loKWxJek"
)

var (
	at   = time.Unix(1614265330, 0)
	body = []byte(`{"test": 2432232314}`)
)

func key(t *testing.T, s string) standard.Key {
	t.Helper()
	k, err := standard.ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t *testing.T, keys ...string) http.Header {
	t.Helper()
	h := http.Header{}
	var list []standard.Key
	for _, k := range keys {
		list = append(list, key(t, k))
	}
	standard.Sign(h, message, at, body, list...)
	return h
}

// The vector that the libraries of Standard Webhooks test with.
func TestPublishedVector(t *testing.T) {
	t.Parallel()
	h := signed(t, secret)
	if got := h.Get("webhook-signature"); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("the signature is %s", got)
	}
	if h.Get("webhook-id") != message || h.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("the headers are %v", h)
	}
}

func TestSignedIsVerified(t *testing.T) {
	t.Parallel()
	public := key(t, private).Public()
	if !strings.HasPrefix(public, "whpk_") || key(t, public).Signs() || key(t, secret).Public() != "" {
		t.Errorf("the public key is %q", public)
	}
	for name, c := range map[string]struct {
		signs, knows []string
	}{
		"a shared secret":           {[]string{secret}, []string{secret}},
		"a private key":             {[]string{private}, []string{public}},
		"a new secret is not known": {[]string{other, secret}, []string{secret}},
		"the old secret is known":   {[]string{secret}, []string{other, secret}},
		"both kinds":                {[]string{secret, private}, []string{public}},
		"one that was just made":    {[]string{standard.NewSecret(), secret}, []string{secret}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var keys []standard.Key
			for _, k := range c.knows {
				keys = append(keys, key(t, k))
			}
			if id, err := standard.Verify(signed(t, c.signs...), body, at.Add(time.Minute), keys...); err != nil || id != message {
				t.Errorf("%q, %v", id, err)
			}
		})
	}
}

func TestNotTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(http.Header)
		body   string
		late   time.Duration
		knows  string
		want   error
	}{
		"another body":           {body: `{"test": 1}`, want: standard.ErrSignature},
		"another id":             {change: func(h http.Header) { h.Set("webhook-id", "msg_2") }, want: standard.ErrSignature},
		"another time":           {change: func(h http.Header) { h.Set("webhook-timestamp", "1614265331") }, want: standard.ErrSignature},
		"another key":            {knows: other, want: standard.ErrSignature},
		"a key of another kind":  {knows: private, want: standard.ErrSignature},
		"no id":                  {change: func(h http.Header) { h.Del("webhook-id") }, want: standard.ErrHeaders},
		"no time":                {change: func(h http.Header) { h.Set("webhook-timestamp", "noon") }, want: standard.ErrHeaders},
		"no signature":           {change: func(h http.Header) { h.Del("webhook-signature") }, want: standard.ErrSignature},
		"one that is no base64":  {change: func(h http.Header) { h.Set("webhook-signature", "v1,§ v1 v2,aaaa") }, want: standard.ErrSignature},
		"under another version":  {change: func(h http.Header) { h.Set("webhook-signature", "v1a"+h.Get("webhook-signature")[2:]) }, want: standard.ErrSignature},
		"old":                    {late: 5*time.Minute + time.Second, want: standard.ErrTime},
		"ahead":                  {late: -5*time.Minute - time.Second, want: standard.ErrTime},
		"as old as it may be":    {late: 5 * time.Minute},
		"as far ahead as it may": {late: -5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, sent, knows := signed(t, secret), body, secret
			if c.change != nil {
				c.change(h)
			}
			if c.body != "" {
				sent = []byte(c.body)
			}
			if c.knows != "" {
				knows = c.knows
			}
			if _, err := standard.Verify(h, sent, at.Add(c.late), key(t, knows)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "_", "whsec", "whsec_", "whsec_§", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whxx_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec_c2hvcnQ=", "whsec_" + strings.Repeat("QUFB", 22), "whsk_c2hvcnQ=", "whsk_" + strings.Repeat("AAAA", 21) + "AA==", "whpk_c2hvcnQ=",
	} {
		if _, err := standard.ParseKey(bad); err == nil {
			t.Errorf("%q is taken", bad)
		} else if len(bad) > 8 && strings.Contains(err.Error(), bad) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	if k := key(t, secret); strings.Contains(fmt.Sprintf("%v %+v %#v %s", k, k, k, k), "MfKQ") || strings.Contains(fmt.Sprintf("%#v", k), "0x") {
		t.Error("printing a key shows it")
	}
	if key(t, secret+"\n").Public() != "" {
		t.Error("a secret has a public key")
	}
}
