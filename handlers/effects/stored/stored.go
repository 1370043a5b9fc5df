package stored

import (
	"context"
	"errors"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
)

// Source reads one stream as one cut, and the bytes its values stand on. Both
// MUST be safe for concurrent use; *projections.Snapshots is one.
type Source interface {
	Load(ctx context.Context, id domain.StreamID, w projections.SnapshotWant) (*projections.Snapshot, error)
	Blob(ctx context.Context, id domain.StreamID, a value.Address) ([]byte, error)
}

// Bytes are those of a value that an event of the stream carries; nil for nil.
func Bytes(ctx context.Context, s Source, id domain.StreamID, v *value.Value) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	m, err := v.Resolve(nil, func(a value.Address) ([]byte, error) { return s.Blob(ctx, id, a) })
	if err != nil {
		return nil, fmt.Errorf("read a value of %s: %w", id, err)
	}
	out, err := value.Assemble(m, func(want []value.Address) (map[value.Address][]byte, error) {
		got := make(map[value.Address][]byte, len(want))
		for _, a := range want {
			b, err := s.Blob(ctx, id, a)
			if err != nil {
				return nil, err
			}
			got[a] = b
		}
		return got, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read a value of %s: %w", id, err)
	}
	return out, nil
}

// Transient says that it could not be told now: the same request may be sent
// again. A refusal stays what it is.
func Transient(err error) error {
	if _, refused := errors.AsType[*domain.Error](err); refused || err == nil {
		return err
	}
	return &domain.Error{Code: domain.CodeNotNow, Message: "the database did not answer in time", Fix: "nothing: it is tried again", Err: err}
}

// Later says whether a command that failed so is to be sent again: nothing was
// decided about it.
func Later(err error) bool {
	switch domain.CodeOf(err) {
	case domain.CodeNotNow, domain.CodeRateLimited, domain.CodeLogUnsafe:
		return true
	}
	return false
}
