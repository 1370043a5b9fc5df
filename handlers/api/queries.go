package api

import (
	"github.com/duolog/duolog/projections/queries/asof"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/commits"
	"github.com/duolog/duolog/projections/queries/conversations"
	"github.com/duolog/duolog/projections/queries/copies"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/decisions"
	"github.com/duolog/duolog/projections/queries/deliveries"
	"github.com/duolog/duolog/projections/queries/difference"
	"github.com/duolog/duolog/projections/queries/directory"
	"github.com/duolog/duolog/projections/queries/exports"
	"github.com/duolog/duolog/projections/queries/forks"
	"github.com/duolog/duolog/projections/queries/threads"
	"github.com/duolog/duolog/projections/queries/timeline"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// Queries are what the API reads.
type Queries struct {
	Workflows     *workflows.Queries
	Checkpoints   *checkpoints.Queries
	Threads       *threads.Queries
	Timeline      *timeline.Queries
	Commits       *commits.Queries
	Conversations *conversations.Queries
	Deliveries    *deliveries.Queries
	AsOf          *asof.Queries
	Differences   *difference.Queries
	Forks         *forks.Queries
	Exports       *exports.Queries
	Copies        *copies.Queries
	Directory     *directory.Queries
	Decisions     *decisions.Queries
}

// NewQueries are all of them over one database.
func NewQueries(db cut.DB) Queries {
	return Queries{
		Workflows: workflows.New(db), Checkpoints: checkpoints.New(db), Threads: threads.New(db), Timeline: timeline.New(db),
		Commits: commits.New(db), Conversations: conversations.New(db), Deliveries: deliveries.New(db), AsOf: asof.New(db),
		Differences: difference.New(db), Forks: forks.New(db), Exports: exports.New(db), Copies: copies.New(db), Directory: directory.New(db), Decisions: decisions.New(db),
	}
}
