package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// eventsCmd are the tools of what happens to everything of a tenant.
type eventsCmd struct {
	Tail eventsTailCmd `cmd:"" help:"What happens in the tenant, as it happens. Example: duolog events tail --type workflow.status_changed"`
}

type eventsTailCmd struct {
	apiFlags

	Type  []string `placeholder:"TYPE" help:"Only events of these types."`
	After string   `placeholder:"PLACE" help:"Begin after this place, which GET /v1/events returns, and not with what comes next."`
}

// feedItem is an event of the feed of a tenant.
type feedItem struct {
	timelineEvent

	Stream string `json:"stream"`
}

// Run prints what happens until it is interrupted. While the server is away it
// waits, and goes on after the last event that it was told of.
func (c eventsTailCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	api.retry.most = retryFor
	query := url.Values{"after": {"end"}, "type": c.Type}
	return ignoreEnd(ctx, api.follow(ctx, "/v1/events?"+query.Encode(), c.After, func(data []byte) error { return c.print(a, data) }))
}

func (c eventsTailCmd) print(a app, data []byte) error {
	if c.JSON {
		_, err := fmt.Fprintf(a.out, "%s\n", data)
		return err
	}
	var e feedItem
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("read an event: %w", err)
	}
	_, stream, _ := strings.Cut(e.Stream, "/")
	_, err := fmt.Fprintf(a.out, " %-9s %-13s %-50s %-32s %-24s %s\n",
		e.Position, e.Time.Local().Format("15:04:05.000"), stream, strings.ReplaceAll(e.Type, "_", " "), clipText(by(e.Principal), 24), details(e.timelineEvent))
	return err
}
