package flows

import (
	"fmt"
	"io/fs"

	"github.com/duolog/duolog/domain/flow"
)

// Load reads the catalog: every file of the folder flows.
func Load(files fs.FS) (flow.Catalog, error) {
	names, err := fs.Glob(files, "flows/*.json")
	if err != nil {
		return flow.Catalog{}, fmt.Errorf("list the catalog of flows: %w", err)
	}
	var list []flow.Flow
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return flow.Catalog{}, fmt.Errorf("read the catalog of flows: %w", err)
		}
		f, err := flow.Parse(raw)
		if err != nil {
			return flow.Catalog{}, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, f)
	}
	return flow.NewCatalog(list)
}
