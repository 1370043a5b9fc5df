// Package schemas holds the contracts of Duolog, embedded: a JSON Schema per
// event and command type, the OpenAPI description, and the migrations of the
// read models. Code is held against them by tests; what was published never
// changes, a new version is added.
package schemas

import "embed"

// Postgres holds the migrations, in goose's format.
//
//go:embed postgres/*.sql
var Postgres embed.FS
