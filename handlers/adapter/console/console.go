package console

import (
	"context"

	"github.com/duolog/duolog/handlers/adapter"
)

// Name is what a callback context calls this adapter.
const Name = "console"

// Adapter needs nothing.
type Adapter struct{}

// DeliverResult is a receipt: who follows the thread sees it in the log.
func (Adapter) DeliverResult(_ context.Context, d adapter.Delivery) (adapter.Receipt, error) {
	return receipt(d), nil
}

// DeliverError is a receipt as well.
func (Adapter) DeliverError(_ context.Context, d adapter.Delivery) (adapter.Receipt, error) {
	return receipt(d), nil
}

// Deduplicates is true: a receipt depends on the delivery alone.
func (Adapter) Deduplicates() bool { return true }

func receipt(d adapter.Delivery) adapter.Receipt {
	return adapter.Receipt("console:" + d.ID.String()[:8])
}
