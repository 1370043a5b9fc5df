package projections

import (
	"time"

	"github.com/duolog/duolog/domain/workflow"
)

// accessRow is one decision about who may do what.
type accessRow struct {
	stream                                  string
	number                                  int64
	tenant, login, action, tool, path, flow string
	at                                      time.Time
	decision                                []byte
}

func (r *rows) addAccess(s *stream, at *step, e workflow.AccessDecided) {
	r.access = append(r.access, accessRow{
		stream: s.key, number: at.number, tenant: string(s.id.Tenant), at: at.Time,
		login: e.User, action: string(e.Action), path: e.Path, flow: e.Flow, decision: mustJSON(e),
	})
}

func (r *rows) addTool(s *stream, at *step, e workflow.ToolDecided) {
	r.addAccess(s, at, workflow.AccessDecided(e.Decision()))
	r.access[len(r.access)-1].tool = e.Tool
}

func (r *rows) insertAccess() statement {
	if len(r.access) == 0 {
		return statement{}
	}
	rows := r.access
	return statement{`INSERT INTO access_decisions (stream, number, tenant, at, login, action, tool, path, flow, decision)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[])`, []any{
		col(rows, func(r *accessRow) string { return r.stream }),
		col(rows, func(r *accessRow) int64 { return r.number }),
		col(rows, func(r *accessRow) string { return r.tenant }),
		col(rows, func(r *accessRow) time.Time { return r.at }),
		col(rows, func(r *accessRow) string { return r.login }),
		col(rows, func(r *accessRow) string { return r.action }),
		col(rows, func(r *accessRow) string { return r.tool }),
		col(rows, func(r *accessRow) string { return r.path }),
		col(rows, func(r *accessRow) string { return r.flow }),
		col(rows, func(r *accessRow) []byte { return r.decision }),
	}}
}
