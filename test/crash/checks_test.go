//go:build crash

package crash_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/test/crash/history"
)

// check looks at everything, from outside, when the clients have ended and all
// nodes serve, or until it has seen enough.
func (w *world) check() {
	var j *history.Journal
	for _, look := range []func(){
		w.settled, w.lastReads, w.answers, w.others.check, w.end, w.logs,
		func() { j = w.journal(); w.admitted(j) },
		func() { w.written(j) },
		func() { w.forge.check(j) },
		func() { w.published(j) },
		func() { w.readModels(j) },
		w.linearizable, w.rebuilt,
	} {
		if w.enough() {
			return
		}
		look()
	}
}

// end stops all nodes in order.
func (w *world) end() {
	for _, m := range w.nodes {
		m.stop()
	}
}

// admitted takes what the log alone says.
func (w *world) admitted(j *history.Journal) {
	w.commits, w.overtaken = j.Commits(), j.Ignored[journal.ReasonStaleParent]
	w.add(j.Found...)
	w.add(history.Follows(j)...)
}

// written compares the log with what was asked for.
func (w *world) written(j *history.Journal) {
	w.add(history.Written(w.log.Operations(), j, append(w.others.commands(), w.forge.commands()...)...)...)
}

// settled waits until everything that was accepted is carried out, and nothing
// is owed.
func (w *world) settled() {
	w.asking.Wait()
	var accepted []string
	for _, o := range w.log.Operations() {
		if o.Outcome == history.Accepted && o.Kind == history.Write && !o.Repeat {
			accepted = append(accepted, o.Command.String())
		}
	}
	w.eventually("nothing lost", w.settle, `SELECT string_agg(id, ', ') FROM unnest($1::text[]) id
		WHERE NOT EXISTS (SELECT FROM commits WHERE command_id = id::uuid) AND NOT EXISTS (SELECT FROM joined WHERE command_id = id::uuid)`, accepted)
	questions := w.people.questions()
	w.eventually("every question is answered", w.settle, unanswered, questions)
	w.forge.settled()
	w.eventually("no stuck intent", w.settle, `SELECT string_agg(kind || ' of ' || stream, ', ') FROM intents`)
	w.eventually("no stopped stream", time.Second, `SELECT string_agg(stream || ': ' || reason, ', ') FROM stopped`)
}

// deliveries are the answers to question q that reached their thread.
const deliveries = `SELECT FROM messages m JOIN deliveries d ON d.stream = split_part(m.stream, '/', 1) || '/workflow/' || m.workflow WHERE m.message_id = q AND d.status = 'delivered'`

// unanswered are those of many that have none.
const unanswered = `SELECT string_agg(q, ', ') FROM unnest($1::text[]) q WHERE NOT EXISTS (` + deliveries + `)`

// eventually waits until the query finds nothing any more.
func (w *world) eventually(check string, most time.Duration, sql string, args ...any) {
	if w.enough() {
		return
	}
	err := wait(w.t.Context(), most, func() error {
		left, err := query[*string](w.t.Context(), w.url(), sql, args...)
		if err == nil && left != nil {
			err = errors.New(*left)
		}
		return err
	})
	if err != nil {
		w.violated(check, "%v", err)
	}
}

// query reads one value.
func query[T any](ctx context.Context, url, sql string, args ...any) (out T, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return out, err
	}
	defer func() { _ = conn.Close(ctx) }()
	return out, conn.QueryRow(ctx, sql, args...).Scan(&out)
}

// lastReads reads everything that was written, at each node.
func (w *world) lastReads() {
	all := w.active.every()
	for i, m := range w.nodes {
		c := &client{w: w, n: 1000 + i, user: w.fleet.User("http://" + m.API)}
		for _, s := range all {
			for _, r := range []request{get(s), list(s, 100)} {
				c.send(w.t.Context(), s, r, true)
			}
		}
	}
}

// answers counts, from outside, how often the agent was started for each
// question and how often it was answered.
func (w *world) answers() {
	for _, q := range w.people.questions() {
		if n := w.fleet.Agent.Starts(w.t, q); n != 1 {
			w.violated("each run is started once", "the agent was started %d times for %q", n, q)
		}
		w.answeredOnce(q)
	}
	w.forge.answers()
}

// answeredOnce counts the answers to a question that reached its thread.
func (w *world) answeredOnce(q string) {
	n, err := query[int](w.t.Context(), w.url(), `SELECT count(*) FROM (SELECT $1::text) AS asked(q) CROSS JOIN LATERAL (`+deliveries+`) d`, q)
	if err != nil || n != 1 {
		w.violated("each question is answered once", "%q has %d delivered answers (%v)", q, n, err)
	}
}

// retried says that a line is one of a retry, or of a broker that is away: watermill
// makes errors of them. What does not come of them is found elsewhere.
func retried(line string) bool {
	for _, said := range []string{`"msg":"Handler returned error"`, `"msg":"Group consume error"`, `"msg":"Sarama internal error"`} {
		if strings.Contains(line, said) {
			return true
		}
	}
	return false
}

// logs looks for what no node should ever say.
func (w *world) logs() {
	for _, m := range w.nodes {
		for _, p := range m.procs {
			for line := range strings.Lines(p.Err.String()) {
				if retried(line) {
					continue
				}
				for _, bad := range []string{`"level":"ERROR"`, "panic:", "fatal error:", "DATA RACE", "SQLSTATE 23", "SQLSTATE 22"} {
					if strings.Contains(line, bad) {
						w.violated("no node complains", "%s says %s", m.Name, strings.TrimSpace(line[:min(len(line), 1200)]))
						break
					}
				}
			}
		}
	}
}

// readModels compares the accepted commits with what Postgres shows of them.
func (w *world) readModels(j *history.Journal) {
	conn, err := pgx.Connect(w.t.Context(), w.url())
	if err != nil {
		w.violated("the harness works", "%v", err)
		return
	}
	defer func() { _ = conn.Close(w.t.Context()) }()
	shown := map[string]string{}
	rows, err := conn.Query(w.t.Context(), `SELECT partition || ':' || "offset", encode(hash, 'hex') FROM commits`)
	if err == nil {
		var at, hash string
		_, err = pgx.ForEachRow(rows, []any{&at, &hash}, func() error { shown[at] = hash; return nil })
	}
	if err != nil {
		w.violated("the harness works", "read commits: %v", err)
	}
	for _, commits := range j.Accepted {
		for _, c := range commits {
			at := c.Record.Position.String()
			if shown[at] != hex.EncodeToString(c.Hash[:]) {
				w.violated("everything accepted is visible", "%s of %s: Postgres has %q", at, c.Stream, shown[at])
			}
			delete(shown, at)
		}
	}
	for at := range shown {
		w.violated("nothing from nowhere", "Postgres has a commit %s, the log has not", at)
	}
}

// rebuilt derives the read models anew, one partition after another in an order
// of the seed, and compares every table. The tool does so too, its own way.
func (w *world) rebuilt() {
	ctx := w.t.Context()
	err := w.compareInOrder(ctx, w.source("rebuild").Perm(partitions))
	if err != nil {
		w.violated("the read models are those of the log", "%v", err)
	}
	if r := w.fleet.Tool("projection", "verify"); r.Code != 0 {
		w.violated("the read models are those of the log", "projection verify: %s%s", tail(r.Out), tail(r.Err))
	}
}

func (w *world) compareInOrder(ctx context.Context, order []int) error {
	live, err := postgres.Open(ctx, postgres.Config{URL: w.url()})
	if err != nil {
		return err
	}
	defer live.Close()
	if _, err := live.Write.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS other_order"); err != nil {
		return err
	}
	other, err := postgres.Open(ctx, postgres.Config{URL: w.url(), Schema: "other_order"})
	if err != nil {
		return err
	}
	defer other.Close()
	if err := other.Migrate(ctx); err != nil {
		return err
	}
	cut, err := projections.OpenCut(ctx, live.Read)
	if err != nil {
		return err
	}
	defer func() { _ = cut.Close(ctx) }()
	log, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	projector, err := w.projector(log, other)
	if err != nil {
		return err
	}
	for _, p := range order {
		if err := projector.Replay(ctx, int32(p), cut.Ends[int32(p)], func(int32, int64, int64) {}); err != nil {
			return err
		}
	}
	differences, err := cut.Compare(ctx, other.Read)
	for _, d := range differences[:min(len(differences), 20)] {
		w.violated("the read models are those of the log", "partitions in the order %v: %s, only in the %s: %s", order, d.Table, d.Side, d.Row[:min(len(d.Row), 400)])
	}
	return err
}

// linearizable asks porcupine about every workflow.
func (w *world) linearizable() {
	_, found := history.Linearizable(w.log.Operations(), time.Minute)
	w.add(found...)
}

// published compares the topic of events with the log.
func (w *world) published(j *history.Journal) {
	for p := range int32(partitions) {
		events, err := w.events(p)
		if err != nil {
			w.violated("the harness works", "read the events of partition %d: %v", p, err)
			continue
		}
		w.add(history.Unpublished(p, j, events)...)
	}
}

// journal admits the whole log.
func (w *world) journal() *history.Journal {
	j := history.NewJournal(partitions)
	if err := w.walk(func(r journal.Record) { j.Take(r) }); err != nil {
		w.violated("the harness works", "read the log: %v", err)
	}
	return j
}
