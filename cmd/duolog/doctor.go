package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
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
	findings, err := c.examine(ctx, a.now())
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

func (c doctorCmd) examine(ctx context.Context, now time.Time) ([]finding, error) {
	cfg, where, err := c.kafka()
	if err != nil {
		return nil, err
	}
	db, of, database := examineDatabase(ctx, where.Database)
	if db != nil {
		defer db.Close()
	}
	var out []finding
	whole := true
	for _, f := range kafka.Check(ctx, cfg) {
		whole = whole && f.OK
		out = append(out, knowing(of, finding{f.Name, f.OK, f.Problem, f.Fix}))
	}
	out = append(out, database...)
	if db != nil && whole {
		out = append(out, compare(ctx, cfg, db, now)...)
	}
	if where.API != "" {
		out = append(out, checkDisk(c.State), checkAPI(ctx, where.API))
	}
	return out, nil
}

// knowing corrects a fix for a database that derives from a log: a new one in
// its place would be another truth.
func knowing(of string, f finding) finding {
	if !f.OK && of != "" && f.Fix == "duolog journal init" {
		f.Fix = "the database derives from log " + of + ": restore its topics from a copy, or point --brokers at its cluster. " +
			"A new log takes an empty database."
	}
	return f
}

// checkDisk looks at the disk that the embedded log of duolog dev is on.
func checkDisk(state string) finding {
	f := finding{Name: "disk of the embedded log has room", OK: true}
	if full := embedded.Full(filepath.Join(state, "log")); full != nil {
		f.OK, f.Problem, f.Fix = false, full.Problem, full.Fix
	}
	return f
}

func failed(name string, err error) finding {
	what, fix := explain(err)
	return finding{Name: name, Problem: what, Fix: fix}
}

// examineDatabase opens the read models, says of which log they are, if any, and
// whether they can be written.
func examineDatabase(ctx context.Context, url string) (*postgres.DB, string, []finding) {
	const answers = "database answers"
	db, err := openDatabase(ctx, postgres.Config{URL: url, MaxConns: 4})
	if err != nil {
		return nil, "", []finding{failed(answers, err)}
	}
	out := []finding{{Name: answers, OK: true}}
	written := finding{Name: "database can be written", OK: true}
	if err := db.Writable(ctx); err != nil {
		written = failed(written.Name, err)
	}
	out = append(out, written)
	of, err := db.Log(ctx)
	if err != nil {
		out = append(out, failed("database has its tables", err))
	}
	return db, of, out
}

// compare checks that the read models are those of the log and are not ahead of
// it, how far behind they are, whether a stream has stopped, and whether hooks
// were told.
func compare(ctx context.Context, cfg kafka.Config, db *postgres.DB, now time.Time) []finding {
	log, err := openLog(ctx, cfg)
	if err != nil {
		return []finding{failed("log can be opened", err)}
	}
	s := &store{log: log, db: db}
	defer log.Close() //nolint:errcheck // only looked at
	if err := db.BindLog(ctx, log.Genesis()); err != nil {
		return []finding{{Name: "database belongs to the log", Problem: err.Error() + ".", Fix: foreignDatabase}}
	}
	out := []finding{{Name: "database belongs to the log", OK: true}}
	agrees := finding{Name: "database derives from what is in the log", OK: true}
	switch unsafe, err := agreement(ctx, log, db); {
	case err != nil:
		agrees = failed(agrees.Name, err)
	case unsafe != nil:
		agrees.OK, agrees.Problem, agrees.Fix = false, unsafe.Problem, unsafe.Fix
	}
	rows, err := statusOf(ctx, s)
	if err != nil {
		return append(out, agrees, failed("read models keep up", err))
	}
	out = append(out, agrees, keepUp(rows))
	out = append(out, stoppedFindings(ctx, s)...)
	return append(out, hookFindings(ctx, s, now)...)
}

// keepUp is about work that nobody does.
func keepUp(rows []partitionStatus) finding {
	lag := finding{Name: "read models keep up", OK: true}
	var behind int64
	unowned := 0
	for _, r := range rows {
		if behind += max(r.Lag, 0); r.Owner == "" {
			unowned++
		}
	}
	if behind > 0 && unowned > 0 {
		lag = finding{Name: lag.Name, Problem: fmt.Sprintf("%d records wait, and %d partitions have no owner", behind, unowned), Fix: "start a node: duolog serve, or duolog dev"}
	}
	return lag
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
	defer res.Body.Close() //nolint:errcheck // only read
	if f.OK = res.StatusCode == http.StatusOK; f.OK {
		return f
	}
	f.Problem, f.Fix = "it is not ready: "+res.Status, "the lines above say why; its log says more"
	var why struct{ Message, Fix string }
	if json.NewDecoder(res.Body).Decode(&why) == nil && why.Message != "" {
		f.Problem, f.Fix = "it is not ready: "+why.Message, why.Fix
	}
	return f
}
