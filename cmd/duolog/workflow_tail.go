package main

import "context"

type workflowTailCmd struct {
	apiFlags

	ID    string `arg:"" help:"Number or UUID."`
	After string `placeholder:"POSITION" help:"Begin after this position, which --json shows, and not with what comes next."`
}

// Run prints what happens to a workflow until it is interrupted. While the server is
// away it waits, and goes on after the last event that it was told of.
func (c workflowTailCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	api.retry.most = retryFor
	after := c.After
	if after == "" {
		if after, err = api.end(ctx, c.ID); err != nil {
			return err
		}
	}
	return workflowTimelineCmd{apiFlags: c.apiFlags, ID: c.ID, Follow: true}.list(ctx, a, api, after)
}

// end is the position of the last event that there is.
func (c *client) end(ctx context.Context, id string) (string, error) {
	for after := ""; ; {
		page, err := c.timeline(ctx, id, "", after, 0)
		if err != nil || len(page.Events) == 0 {
			return page.Next, err
		}
		after = page.Next
	}
}
