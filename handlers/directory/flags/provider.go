package flags

import (
	"context"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/duolog/duolog/domain"
)

// Found is what a source says of a flag.
type Found struct {
	On bool
	// Set is false where nothing is set: the flag has its default then.
	Set bool
	// Seen is the place in the source up to which that holds.
	Seen string
}

// Source looks a flag up at the path of a project or a group, inherited ones included.
// Its errors are *domain.Errors.
type Source interface {
	Flag(ctx context.Context, tenant domain.Tenant, name, path string) (Found, error)
}

// What an evaluation is given: the path is its targeting key.
const tenantAttribute = "tenant"

// seenMetadata is where a resolution says how far its source had come.
const seenMetadata = "seen"

// provider is a source as OpenFeature knows one. All flags are booleans.
type provider struct {
	source Source
	name   string
}

// Metadata names the provider.
func (p provider) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: p.name} }

// Hooks are none.
func (provider) Hooks() []openfeature.Hook { return nil }

// BooleanEvaluation looks the flag up.
func (p provider) BooleanEvaluation(ctx context.Context, flag string, fallback bool, of openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	out := openfeature.BoolResolutionDetail{Value: fallback}
	tenant, _ := of[tenantAttribute].(string)
	path, _ := of[openfeature.TargetingKey].(string)
	if tenant == "" || path == "" {
		out.ResolutionError = openfeature.NewTargetingKeyMissingResolutionError("a flag is evaluated for a tenant and a path")
		return out
	}
	found, err := p.source.Flag(ctx, domain.Tenant(tenant), flag, path)
	if err != nil {
		fail(ctx, err)
		out.ResolutionError = openfeature.NewGeneralResolutionError(err.Error(), err)
		return out
	}
	out.FlagMetadata, out.Reason = openfeature.FlagMetadata{seenMetadata: found.Seen}, openfeature.DefaultReason
	if found.Set {
		out.Value, out.Reason = found.On, openfeature.TargetingMatchReason
	}
	return out
}

func (provider) otherType() openfeature.ProviderResolutionDetail {
	return openfeature.ProviderResolutionDetail{ResolutionError: openfeature.NewTypeMismatchResolutionError("flags are on or off")}
}

// StringEvaluation refuses: flags are on or off. So do the other types.
func (p provider) StringEvaluation(_ context.Context, _, fallback string, _ openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return openfeature.StringResolutionDetail{Value: fallback, ProviderResolutionDetail: p.otherType()}
}

// FloatEvaluation refuses.
func (p provider) FloatEvaluation(_ context.Context, _ string, fallback float64, _ openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return openfeature.FloatResolutionDetail{Value: fallback, ProviderResolutionDetail: p.otherType()}
}

// IntEvaluation refuses.
func (p provider) IntEvaluation(_ context.Context, _ string, fallback int64, _ openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return openfeature.IntResolutionDetail{Value: fallback, ProviderResolutionDetail: p.otherType()}
}

// ObjectEvaluation refuses.
func (p provider) ObjectEvaluation(_ context.Context, _ string, fallback any, _ openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return openfeature.InterfaceResolutionDetail{Value: fallback, ProviderResolutionDetail: p.otherType()}
}
