package flags

import (
	"context"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/duolog/duolog/domain"
)

// Flags evaluates flags of one provider. It is safe for concurrent use.
type Flags struct {
	api    *openfeature.EvaluationAPI
	client *openfeature.Client
}

// New evaluates what a source says, under the name of the provider. Close it.
func New(ctx context.Context, name string, source Source) (*Flags, error) {
	return Of(ctx, provider{source, name})
}

// Of evaluates with any provider of OpenFeature. The evaluation context that it gets has
// the path as targeting key, and tenant as an attribute.
func Of(ctx context.Context, p openfeature.FeatureProvider) (*Flags, error) {
	api := isolated.NewAPI()
	if err := api.SetProviderAndWait(ctx, p); err != nil {
		return nil, fmt.Errorf("start the flags of %s: %w", p.Metadata().Name, err)
	}
	return &Flags{api: api, client: api.NewClient()}, nil
}

// Close ends the provider.
func (f *Flags) Close(ctx context.Context) error { return f.api.Shutdown(ctx) }

// Evaluate says whether a flag is on at a path, off where nothing says so, and how far
// the source had come. A provider that cannot be asked is not_now.
func (f *Flags) Evaluate(ctx context.Context, tenant domain.Tenant, name, path string) (on bool, seen string, err error) {
	var failed error
	ctx = context.WithValue(ctx, failure{}, &failed)
	details, err := f.client.BooleanValueDetails(ctx, name, false, openfeature.NewEvaluationContext(path, map[string]any{tenantAttribute: string(tenant)}))
	seen, _ = details.FlagMetadata.GetString(seenMetadata) // other providers do not say
	switch {
	case failed != nil:
		return false, seen, failed
	case details.ErrorCode == openfeature.FlagNotFoundCode:
		return false, seen, nil // nobody has heard of it: it is off
	case err != nil:
		return false, seen, notNow(name, err)
	}
	return details.Value, seen, nil
}

// failure is where a source's own error goes: OpenFeature would keep its text alone.
type failure struct{}

// fail keeps an error for who asked.
func fail(ctx context.Context, err error) {
	if to, ok := ctx.Value(failure{}).(*error); ok {
		*to = err
	}
}

func notNow(name string, err error) error {
	return &domain.Error{Code: domain.CodeNotNow, Message: fmt.Sprintf("the flag %s cannot be evaluated right now", name), Fix: "look at the provider of flags", Err: err}
}
