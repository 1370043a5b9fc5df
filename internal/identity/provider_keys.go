package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/semaphore"

	"github.com/duolog/duolog/domain"
)

type key = jose.JSONWebKey

const (
	// askTime bounds one question to a provider.
	askTime = 5 * time.Second
	// askPause is how long a provider is left alone after it was asked: anybody can
	// send tokens that name keys it never had.
	askPause = 10 * time.Second
	// maxKeySet bounds the set of keys, in bytes.
	maxKeySet = 1 << 20
)

// providerKeys are the keys of a provider: fetched when the first token comes, kept,
// and fetched again when a token names one that is not among them.
type providerKeys struct {
	issuer string
	client *http.Client
	now    func() time.Time
	// asking lets one request at a time ask the provider.
	asking *semaphore.Weighted

	mu    sync.RWMutex
	known []key
	asked time.Time
	err   error
}

// find is the key of that name; all of them for a token that names none.
func (k *providerKeys) find(ctx context.Context, id string) ([]key, error) {
	if found := k.named(id); len(found) > 0 {
		return found, nil
	}
	if err := k.asking.Acquire(ctx, 1); err != nil {
		return nil, k.away(err)
	}
	defer k.asking.Release(1)
	if found := k.named(id); len(found) > 0 {
		return found, nil
	}
	if err := k.refresh(ctx); err != nil {
		return nil, k.away(err)
	}
	return k.named(id), nil
}

func (k *providerKeys) named(id string) []key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if id == "" {
		return k.known
	}
	return slices.DeleteFunc(slices.Clone(k.known), func(have key) bool { return have.KeyID != id })
}

// refresh asks the provider, unless that was done just now: then it is what came of
// it. What was known stays where it cannot be asked.
func (k *providerKeys) refresh(ctx context.Context) error {
	if !k.asked.IsZero() && k.now().Sub(k.asked) < askPause {
		return k.err
	}
	// One client that goes away must not count as the provider's failure.
	found, err := k.fetch(context.WithoutCancel(ctx))
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked, k.err = k.now(), err; err == nil {
		k.known = found
	}
	return err
}

func (k *providerKeys) fetch(ctx context.Context) ([]key, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.issuer)
	if err != nil {
		return nil, err
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where.Keys, nil)
	if err != nil {
		return nil, err
	}
	res, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // only ever read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", where.Keys, res.Status)
	}
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(res.Body, maxKeySet)).Decode(&set); err != nil {
		return nil, fmt.Errorf("the keys at %s cannot be read: %w", where.Keys, err)
	}
	return slices.DeleteFunc(set.Keys, func(have key) bool { return !have.IsPublic() }), nil
}

func (k *providerKeys) away(err error) error {
	return &domain.Error{
		Code: domain.CodeNotNow, Message: "the identity provider " + k.issuer + " cannot be asked for its keys",
		Fix: "send the same request again; tokens of Duolog work meanwhile", Err: err,
	}
}
