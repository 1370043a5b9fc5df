package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
)

// journalVerifyCmd admits the whole log again.
type journalVerifyCmd struct{ storeFlags }

// verification is what a walk over the log found.
type verification struct {
	Log      uuid.UUID      `json:"log"`
	Records  int            `json:"records"`
	Accepted int            `json:"accepted"`
	Blobs    int            `json:"blob_records"`
	Ignored  map[string]int `json:"ignored"`
	Streams  int            `json:"streams"`
}

// Run admits every record again.
func (c journalVerifyCmd) Run(ctx context.Context, a app) (err error) {
	out := verification{Ignored: map[string]int{}}
	if out.Log, out.Streams, err = c.admitLog(ctx, out.take); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.out).Encode(out)
	}
	_, err = fmt.Fprintf(a.out, "log %s: %d records, %d commits of %d streams accepted, %d blob records, ignored %v\n",
		out.Log, out.Records, out.Accepted, out.Streams, out.Blobs, out.Ignored)
	return err
}

func (v *verification) take(p journal.Parsed, reason journal.Reason) {
	v.Records++
	switch {
	case reason != "":
		v.Ignored[string(reason)]++
	case p.What == journal.WhatCommit:
		v.Accepted++
	case p.What == journal.WhatBlobs:
		v.Blobs++
	}
}
