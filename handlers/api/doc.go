// Package api is the HTTP API: the Duo Workflow endpoints that agents and
// LangGraph savers call, messages and conversations, and health.
//
// A request is checked here, once: identity, size, JSON, names. What it asks
// for is decided elsewhere: a write becomes a command whose verdict is visible
// when it is answered, a read is one cut of the read models. With
// "Prefer: respond-async" a write is put into the inbox and answered 202.
//
// The bytes of a checkpoint and of its metadata are never decoded and encoded
// again: they are cut out of the request and put into the answer as they came.
//
// Every refusal has one shape: code, message, field, fix, request_id. The table
// in errors.go maps codes to statuses; nothing else does.
package api
