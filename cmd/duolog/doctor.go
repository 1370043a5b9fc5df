package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/kafka"
	"github.com/duolog/duolog/internal/postgres"
)

// doctorCmd checks a deployment.
type doctorCmd struct{ storeFlags }

// Help is shown below the flags.
func (doctorCmd) Help() string {
	return "Examples:\n  duolog doctor\n  duolog doctor --config duolog.yaml\n\nWith --config it looks at what the node of that file needs on this machine, too: address, tokens, agent. It ends with 1 if something must be put right."
}

// patient is what the checks look at. What could not be opened is nil.
type patient struct {
	app   app
	flags doctorCmd
	kafka kafka.Config
	where connection
	// file is what the configuration file comes to; nil without one.
	file *config.Config
	db   *postgres.DB
	// of is the log that the database derives from, empty where it knows none.
	of  string
	log *kafka.Log
	// agrees says that the database derives from the log.
	agrees bool
}

// check is one look. It always finds something, also that it could not look.
type check func(ctx context.Context, p *patient) []finding

// checks are all of them, in an order in which later ones stand on earlier ones.
// Those that open something leave it to the ones behind them.
func checks() []check {
	return []check{
		checkConfiguration,
		checkDatabase, checkKafka,
		checkTables, checkServer, checkConnections,
		checkBelongs, checkDerives, checkLag, checkStopped,
		checkRelay, checkGroups, checkHooks,
		checkClocks,
		checkAPI, checkKeystore, checkEngine, checkGitLab, checkDisk,
	}
}

// checkTime bounds one check: a doctor that hangs tells nothing.
const checkTime = 30 * time.Second

// Run prints each check, and fails when one does.
func (c doctorCmd) Run(ctx context.Context, a app) error {
	cfg, where, err := c.kafka()
	if err != nil {
		return err
	}
	p := &patient{app: a, flags: c, kafka: cfg, where: where}
	defer p.close()
	var findings []finding
	for _, look := range checks() {
		findings = append(findings, look.within(ctx, p)...)
	}
	if c.JSON {
		err = json.NewEncoder(a.out).Encode(findings)
	} else {
		err = printFindings(a, findings)
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Status == statusFailure {
			return silent{}
		}
	}
	return nil
}

func (look check) within(ctx context.Context, p *patient) []finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return look(ctx, p)
}

func (p *patient) close() {
	if p.db != nil {
		p.db.Close()
	}
	if p.log != nil {
		_ = p.log.Close() // only looked at
	}
}

func printFindings(a app, findings []finding) error {
	paint := a.painter()
	for _, f := range findings {
		if _, err := fmt.Fprintln(a.out, f.text(paint)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(a.out, summary(findings))
	return err
}

func summary(findings []finding) string {
	count := map[status]int{}
	for _, f := range findings {
		count[f.Status]++
	}
	left := ""
	if n := count[statusUnchecked]; n > 0 {
		left = fmt.Sprintf(", %d not made", n)
	}
	if count[statusFailure]+count[statusWarning] == 0 {
		return fmt.Sprintf("\nall is well: %d checks%s", count[statusOK], left)
	}
	return fmt.Sprintf("\n%d must be put right, %d warn, %d are well%s: begin with the first", count[statusFailure], count[statusWarning], count[statusOK], left)
}
