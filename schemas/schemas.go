// Package schemas holds the contracts of Duolog, embedded: a JSON Schema per
// event and command type and for the journal itself, the OpenAPI and AsyncAPI
// descriptions, and the migrations of the read models. Code is held against them by tests;
// what was published never changes, a new version is added.
package schemas

import "embed"

// Events holds events/<type>.v<n>.json: the data of each event in the journal.
//
//go:embed events/*.json
var Events embed.FS

// Commands holds commands/<type>.v<n>.json: the data of each command.
//
//go:embed commands/*.json
var Commands embed.FS

// Inbox holds inbox/<command>.v<n>.json, the data of what others may put on the topic
// duolog.commands, and of the answers.
//
//go:embed inbox/*.json
var Inbox embed.FS

// Flows holds the catalog of flows, flows/<reference>.json with a dot for each slash, and
// in flows/schema what such a file may say.
//
//go:embed flows/*.json flows/schema/*.json
var Flows embed.FS

// Journal holds journal/record.v1.json, the value of a record of the journal,
// and journal/value.v1.json, what the other schemas share.
//
//go:embed journal/*.json
var Journal embed.FS

// Public holds all that others build on, by its path here: GET /schemas/… serves it.
//
//go:embed openapi.yaml asyncapi.yaml events/*.json commands/*.json inbox/*.json journal/*.json flows/*.json flows/schema/*.json
var Public embed.FS

// Postgres holds the migrations, in goose's format.
//
//go:embed postgres/*.sql
var Postgres embed.FS
