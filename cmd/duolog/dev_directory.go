package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/directory/admin"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/projections/queries/cut"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// company is what the directory of duolog dev begins with.
//
//go:embed directory.yaml
var company []byte

// settledFile says that the company was applied.
const settledFile = "directory.applied"

// settle makes the directory of a new state directory, once: what people change later
// is theirs. A crash before the file is written repeats it, which changes nothing.
func (c devCmd) settle(ctx context.Context, n *node, cfg config.Config) error {
	if cfg.Tenants[0].Directory != config.DirectoryDuolog {
		return nil
	}
	done := filepath.Join(cfg.StateDir, settledFile)
	if _, err := os.Stat(done); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	doc, err := readDocument(company)
	if err != nil {
		return err
	}
	service := admin.New(querying.New(cut.DB{Pool: n.db.Read, Partitions: n.partitions}), n.dispatch, identity.Book{Keys: n.cfg.keys}, newID)
	if err := n.visible.Ready(ctx); err != nil {
		return fmt.Errorf("wait for the read models: %w", err)
	}
	if _, err := service.Apply(ctx, cfg.Tenants[0].Name, domain.Principal{System: "dev"}, doc, admin.Options{}); err != nil {
		return fmt.Errorf("apply the directory to begin with: %w", err)
	}
	return os.WriteFile(done, nil, 0o600)
}

// readDocument reads a directory document in YAML, of which JSON is a part.
func readDocument(raw []byte) (admin.Document, error) {
	asJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return admin.Document{}, problem{"the document is no YAML: " + yaml.FormatError(err, false, true), "compare it with what duolog directory export prints"}
	}
	return admin.Decode(asJSON)
}
