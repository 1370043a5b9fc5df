package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"
)

const (
	// redeliverBatch is how many one request asks for, redeliverPage how many one
	// page lists.
	redeliverBatch = 100
	redeliverPage  = 100
)

type deliveryRedeliverCmd struct {
	apiFlags
	deliveryFilter

	IDs    []string `arg:"" optional:"" name:"id" help:"UUIDs of deliveries; or choose them by flags."`
	AsNew  bool     `help:"Under a new id, so that a receiver that remembers ids takes it for another message."`
	DryRun bool     `help:"List what would be sent, and send nothing."`
}

// Run lists first and asks then: what is chosen does not change while it is sent.
func (c deliveryRedeliverCmd) Run(ctx context.Context, a app) error {
	if len(c.IDs) == 0 == c.empty() {
		return problem{"it is not said what to send again", "name deliveries by id, or choose them with --missing, --hook, --workflow, --since; not both"}
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	ids := c.IDs
	if len(ids) == 0 {
		if ids, err = c.chosen(ctx, a, api); err != nil {
			return err
		}
	}
	if c.DryRun {
		for _, id := range ids {
			if _, err := fmt.Fprintln(a.out, id); err != nil {
				return err
			}
		}
		return nil
	}
	var all redelivered
	for begin := 0; begin < len(ids); begin += redeliverBatch {
		out, err := c.ask(ctx, api, ids[begin:min(begin+redeliverBatch, len(ids))])
		if err != nil {
			return err
		}
		all.Redelivered, all.Left = append(all.Redelivered, out.Redelivered...), append(all.Left, out.Left...)
	}
	return c.print(a, all)
}

// chosen are the ids that the flags choose, oldest first.
func (c deliveryRedeliverCmd) chosen(ctx context.Context, a app, api *client) ([]string, error) {
	query, err := c.query(a.now())
	if err != nil {
		return nil, err
	}
	query.Set("per_page", fmt.Sprint(redeliverPage))
	var out []string
	for page := 1; ; page++ {
		query.Set("page", fmt.Sprint(page))
		var list []deliveryView
		if err := api.call(ctx, http.MethodGet, "/v1/deliveries?"+query.Encode(), nil, &list); err != nil {
			return nil, err
		}
		for _, d := range list {
			out = append(out, d.ID.String())
		}
		if len(list) < redeliverPage {
			slices.Reverse(out)
			return out, nil
		}
	}
}

// redelivered is what was sent again, and what was not.
type redelivered struct {
	Redelivered []struct {
		ID       uuid.UUID `json:"id"`
		Delivery uuid.UUID `json:"delivery"`
	} `json:"redelivered"`
	Left []struct {
		ID      uuid.UUID `json:"id"`
		Code    string    `json:"code"`
		Message string    `json:"message"`
		Fix     string    `json:"fix"`
	} `json:"left"`
}

// ask sends one request, under a key of its own: repeated, it asks once.
func (c deliveryRedeliverCmd) ask(ctx context.Context, api *client, ids []string) (redelivered, error) {
	var out redelivered
	body := map[string]any{"ids": ids, "as_new": c.AsNew}
	return out, api.call(ctx, http.MethodPost, "/v1/deliveries/redeliver", body, &out, "Idempotency-Key", uuid.NewString())
}

func (c deliveryRedeliverCmd) print(a app, all redelivered) error {
	if c.JSON {
		return json.NewEncoder(a.out).Encode(all)
	}
	for _, d := range all.Redelivered {
		as := ""
		if d.Delivery != d.ID {
			as = "   as " + d.Delivery.String()
		}
		if _, err := fmt.Fprintf(a.out, "%s   sent again%s\n", d.ID, as); err != nil {
			return err
		}
	}
	for _, d := range all.Left {
		if _, err := fmt.Fprintf(a.out, "%s   left: %s (%s)\n", d.ID, d.Message, d.Code); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.out, "%d sent again, %d left\n", len(all.Redelivered), len(all.Left))
	return err
}
