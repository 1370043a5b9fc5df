package lab

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Batches is how many records the projectors of all nodes have written, in how many
// transactions.
type Batches struct{ Records, Transactions float64 }

// Batches reads the metrics.
func (f *Fleet) Batches(ctx context.Context) (b Batches, err error) {
	for _, n := range f.Nodes {
		err := n.metrics(ctx, func(name string, value float64) {
			switch {
			case strings.HasPrefix(name, "duolog_projection_records_total"):
				b.Records += value
			case strings.HasPrefix(name, "duolog_projection_batch_duration_seconds_count"):
				b.Transactions += value
			}
		})
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// Mean is the records of a transaction since before.
func (b Batches) Mean(before Batches) float64 {
	return (b.Records - before.Records) / max(1, b.Transactions-before.Transactions)
}

func (n *Node) metrics(ctx context.Context, each func(name string, value float64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Address+"/metrics", http.NoBody)
	if err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			each(name, v)
		}
	}
	return nil
}
