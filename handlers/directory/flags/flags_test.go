package flags_test

import (
	"context"
	"errors"
	"testing"

	"github.com/open-feature/go-sdk/openfeature/memprovider"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/directory/flags"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source answers as it was told.
type source struct {
	found flags.Found
	err   error
	asked []string
}

func (s *source) Flag(_ context.Context, tenant domain.Tenant, name, path string) (flags.Found, error) {
	s.asked = append(s.asked, string(tenant)+" "+name+" "+path)
	return s.found, s.err
}

// TestF8Flags: a flag is evaluated for a path through OpenFeature; what nobody set is
// off, and what a source refuses reaches who asked as it is.
func TestF8Flags(t *testing.T) {
	s := &source{}
	f, err := flags.New(t.Context(), "test", s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	away := &domain.Error{Code: domain.CodeNotNow, Message: "away"}
	for _, c := range []struct {
		found flags.Found
		err   error
		on    bool
	}{
		{flags.Found{Seen: "0:1"}, nil, false},
		{flags.Found{On: true, Seen: "0:2"}, nil, false},
		{flags.Found{On: true, Set: true, Seen: "0:3"}, nil, true},
		{flags.Found{Set: true, Seen: "0:4"}, nil, false},
		{flags.Found{}, away, false},
	} {
		s.found, s.err = c.found, c.err
		on, seen, err := f.Evaluate(t.Context(), "acme", "next", "acme/shop")
		if on != c.on || seen != c.found.Seen || !errors.Is(err, c.err) {
			t.Errorf("%+v is %t, seen %q: %v", c.found, on, seen, err)
		}
	}
	if s.asked[0] != "acme next acme/shop" {
		t.Errorf("it was asked for %q", s.asked[0])
	}
	if _, _, err := f.Evaluate(t.Context(), "acme", "next", ""); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("for no path: %v", err)
	}
}

// TestAnyProvider: another provider of OpenFeature takes the place of the directory.
func TestAnyProvider(t *testing.T) {
	f, err := flags.Of(t.Context(), memprovider.NewInMemoryProvider(map[string]memprovider.InMemoryFlag{
		"next": {DefaultVariant: "on", Variants: map[string]any{"on": true}, State: memprovider.Enabled},
	}))
	if err != nil {
		t.Fatal(err)
	}
	on, _, err := f.Evaluate(t.Context(), "acme", "next", "acme")
	if !on || err != nil {
		t.Errorf("it is %t: %v", on, err)
	}
	if on, _, err := f.Evaluate(t.Context(), "acme", "unknown", "acme"); on || err != nil {
		t.Errorf("one that it does not know is %t: %v", on, err)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
