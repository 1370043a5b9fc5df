package api

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

// getSchema answers GET /schemas/…: a contract as it was published, which ce_dataschema
// of an event names. Anybody may read it.
func (s *Server) getSchema(c *call) (answer, error) {
	none := notFound("schema", "see /schemas/openapi.yaml, or the folder schemas of the source")
	kinds := map[string]string{".json": "application/schema+json", ".yaml": "application/yaml"}
	name := c.PathValue("path")
	kind, known := kinds[path.Ext(name)]
	if !known || !fs.ValidPath(name) {
		return answer{}, none
	}
	body, err := fs.ReadFile(s.cfg.Schemas, name)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", none, err)
	}
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {kind}}, body: body}, nil
}
