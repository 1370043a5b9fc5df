package main

import (
	"fmt"

	"github.com/duolog/duolog/internal/config"
)

// configCmd helps with the configuration.
type configCmd struct {
	Example   configExampleCmd   `cmd:"" help:"Print a configuration file with every setting explained. Example: duolog config example > duolog.yaml"`
	Reference configReferenceCmd `cmd:"" help:"Print the page about every setting. Example: duolog config reference"`
}

type configReferenceCmd struct{}

// Run prints the page.
func (configReferenceCmd) Run(a app) error {
	_, err := fmt.Fprint(a.out, config.Reference())
	return err
}

type configExampleCmd struct{}

// Run prints the example.
func (configExampleCmd) Run(a app) error {
	_, err := fmt.Fprint(a.out, config.Example())
	return err
}
