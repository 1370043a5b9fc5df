package entry

import (
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/handlers/document"
)

// flowOf reads what a document says of the flow that it wants.
func flowOf(f *document.Fields) (ask flow.Ask, schema string) {
	ask = flow.Ask{Reference: f.Text("workflow_definition"), Constraint: f.Text("flow_version")}
	config, schema := f.Object("flow_config"), f.Text("flow_config_schema_version")
	if config != nil {
		ask.Inline = &flow.Inline{SchemaVersion: schema, Body: config}
	}
	return ask, schema
}
