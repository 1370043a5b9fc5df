package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/projections/queries/operations"
)

// doctorCmd checks a deployment.
type doctorCmd struct{ storeFlags }

// finding is one line of the doctor.
type finding struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

// Run prints each check, and fails when one does.
func (c doctorCmd) Run(ctx context.Context, a app) error {
	findings, err := c.examine(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(a.out).Encode(findings); err != nil {
			return err
		}
	} else if err := printFindings(a, findings); err != nil {
		return err
	}
	for _, f := range findings {
		if !f.OK {
			return silent{}
		}
	}
	return nil
}

func printFindings(a app, findings []finding) error {
	for _, f := range findings {
		mark, text := "✓", ""
		if !f.OK {
			mark, text = "✗", "  "+indent(f.Problem)+"\n   fix: "+indent(f.Fix)
		}
		if _, err := fmt.Fprintf(a.out, "%s %s%s\n", mark, f.Name, text); err != nil {
			return err
		}
	}
	return nil
}

func (c doctorCmd) examine(ctx context.Context) ([]finding, error) {
	cfg, where, err := c.kafka()
	if err != nil {
		return nil, err
	}
	var out []finding
	for _, f := range kafka.Check(ctx, cfg) {
		out = append(out, finding{f.Name, f.OK, f.Problem, f.Fix})
	}
	out = append(out, c.database(ctx)...)
	if where.API != "" {
		out = append(out, checkAPI(ctx, where.API))
	}
	return out, nil
}

func failed(name string, err error) finding {
	what, fix := explain(err)
	return finding{Name: name, Problem: what, Fix: fix}
}

// database checks that the read models are those of the log and are not ahead
// of it, how far behind they are, and whether a stream has stopped.
func (c doctorCmd) database(ctx context.Context) []finding {
	s, err := c.open(ctx)
	if err != nil {
		return []finding{failed("log and database can be opened", err)}
	}
	defer s.close()
	out := []finding{{Name: "database answers", OK: true}}
	if err := s.db.BindLog(ctx, s.log.Genesis()); err != nil {
		return append(out, finding{Name: "database belongs to the log", Problem: err.Error(), Fix: "use the database of this log, or an empty one and duolog projection rebuild"})
	}
	out = append(out, finding{Name: "database belongs to the log", OK: true})
	rows, err := statusOf(ctx, s)
	if err != nil {
		return append(out, failed("projection", err))
	}
	out = append(out, progressFindings(rows)...)
	return append(out, stoppedFindings(ctx, s)...)
}

func progressFindings(rows []partitionStatus) []finding {
	ahead := finding{Name: "database is not ahead of the log", OK: true}
	lag := finding{Name: "read models keep up", OK: true}
	var behind int64
	unowned := 0
	for _, r := range rows {
		if r.Lag < 0 {
			ahead = finding{Name: ahead.Name, Problem: fmt.Sprintf("partition %d is projected to %d, the log ends at %d: the log lost records", r.Partition, r.Next, r.End), Fix: "restore the log; if it cannot be restored, duolog projection rebuild makes the read models those of what is left"}
		}
		if behind += max(r.Lag, 0); r.Owner == "" {
			unowned++
		}
	}
	if behind > 0 && unowned > 0 {
		lag = finding{Name: lag.Name, Problem: fmt.Sprintf("%d records wait, and %d partitions have no owner", behind, unowned), Fix: "start a node: duolog serve, or duolog dev"}
	}
	return []finding{ahead, lag}
}

func stoppedFindings(ctx context.Context, s *store) []finding {
	stopped, err := operations.New(s.db.Read).Stopped(ctx)
	if err != nil {
		return []finding{failed("no stream is stopped", err)}
	}
	if len(stopped) == 0 {
		return []finding{{Name: "no stream is stopped", OK: true}}
	}
	var out []finding
	for _, st := range stopped {
		out = append(out, finding{
			Name:    "stream " + st.Stream,
			Problem: fmt.Sprintf("stopped at %s by build %s: %s", st.Position, st.Build, st.Reason),
			Fix:     "run a build that understands the record; it tries again by itself",
		})
	}
	return out
}

func checkAPI(ctx context.Context, url string) finding {
	f := finding{Name: "API answers at " + url}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return failed(f.Name, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Problem, f.Fix = err.Error(), "start it: duolog dev, or duolog serve"
		return f
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read
	f.OK = res.StatusCode == http.StatusOK
	if !f.OK {
		f.Problem, f.Fix = "it is not ready: "+res.Status, "the lines above say why; its log says more"
	}
	return f
}
