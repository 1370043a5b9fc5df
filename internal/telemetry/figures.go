package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// figuresTimeout bounds what a scrape asks of the database.
const figuresTimeout = time.Second

// Figures are what the database says of the deployment as a whole: each node
// says the same.
type Figures struct {
	// Workflows are counted by status.
	Workflows map[string]int64
	// Stopped is how many streams are stopped, Unowned how many partitions nobody
	// works on.
	Stopped, Unowned int64
	// Owed are the effects that are asked for and not done, by kind.
	Owed map[string]Owed
}

// Owed is how many effects there are, and for how many seconds the oldest has
// been due.
type Owed struct {
	Count   int64
	Overdue float64
}

// FigureReader reads the figures. It MUST end when ctx does. It is called at each
// scrape, perhaps by several at once.
type FigureReader func(ctx context.Context) (Figures, error)

// figures are the metrics of one scrape.
type figures struct {
	read, workflows, stopped, unowned, owed, overdue *prometheus.GaugeVec
}

func newFigures(f factory) figures {
	return figures{
		read:      f.gauge("database_read", "Whether the database answered within a second for this scrape: 1, or 0 and what is read from it is missing: workflows, streams_stopped, partitions_unowned, intents."),
		workflows: f.gauge("workflows", "Workflows that are not deleted, by status.", "status"),
		stopped:   f.gauge("streams_stopped", "Streams with a commit that this build cannot fold: they take no commands. duolog doctor lists them."),
		unowned:   f.gauge("partitions_unowned", "Partitions of the journal that no node works on."),
		owed:      f.gauge("intents", "Effects that were asked for and have no outcome yet, by kind.", "kind"),
		overdue:   f.gauge("intents_overdue_seconds", "For how long the oldest effect that is due has been due, by kind; 0 when none is.", "kind"),
	}
}

// readFigures asks once and puts the answer into a registry that lives as long as
// the scrape.
func readFigures(ctx context.Context, read FigureReader, logger *slog.Logger) *prometheus.Registry {
	ctx, cancel := context.WithTimeout(ctx, figuresTimeout)
	defer cancel()
	registry := prometheus.NewRegistry()
	m := newFigures(factory{registry: registry})
	got, err := read(ctx)
	if err != nil {
		m.read.WithLabelValues().Set(0)
		logger.LogAttrs(ctx, slog.LevelWarn, "the database was not read for the metrics", slog.Any("error", err))
		return registry
	}
	m.read.WithLabelValues().Set(1)
	m.stopped.WithLabelValues().Set(float64(got.Stopped))
	m.unowned.WithLabelValues().Set(float64(got.Unowned))
	for status, n := range got.Workflows {
		m.workflows.WithLabelValues(status).Set(float64(n))
	}
	for kind, owed := range got.Owed {
		m.owed.WithLabelValues(kind).Set(float64(owed.Count))
		m.overdue.WithLabelValues(kind).Set(owed.Overdue)
	}
	return registry
}
