package workflows

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/cut"
)

// MailItem is an item of a workflow's mailbox, with its text.
type MailItem struct {
	workflow.Mail

	Text string
}

// Mailbox is what was left for the agent of a workflow, oldest first, or not_found.
func (q *Queries) Mailbox(ctx context.Context, stream domain.StreamID) ([]MailItem, error) {
	var out []MailItem
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		at, err := tx.Point(ctx, stream)
		if err != nil {
			return err
		}
		state, err := tx.State(ctx, stream, at)
		if err != nil {
			return err
		}
		out, err = MailOf(ctx, tx, stream.String(), state.Mail)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the mailbox of %s: %w", stream, err)
	}
	return out, nil
}

// MailOf assembles the texts of all items together.
func MailOf(ctx context.Context, tx *cut.Tx, stream string, box []workflow.Mail) ([]MailItem, error) {
	out := make([]MailItem, len(box))
	var items []cut.Item
	var of []int
	for i, m := range box {
		if out[i].Mail = m; m.Text == nil {
			continue
		}
		item, err := cut.ItemOf(stream, *m.Text)
		if err != nil {
			return nil, err
		}
		items, of = append(items, item), append(of, i)
	}
	texts, err := tx.Assemble(ctx, items)
	if err != nil {
		return nil, err
	}
	for i, text := range texts {
		out[of[i]].Text = string(text)
	}
	return out, nil
}
