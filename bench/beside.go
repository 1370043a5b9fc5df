package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/savers"
)

// beside is a node and a database of the stock savers, on one Postgres server, and
// the programs that write to both.
type beside struct {
	bench *bench
	fleet *lab.Fleet
	// stock is the address of the stock savers' database.
	stock    string
	programs []*savers.Program
}

// textSize is how much new text there is before a cut is seen again.
const textSize = 8 << 20

// besides starts all of it. Rows of a language that is not installed are left out.
func (b *bench) besides(ctx context.Context, rows func(language string) []string) (s *beside, err error) {
	s = &beside{bench: b}
	if s.fleet, err = b.fleet(ctx, 1, lab.FleetConfig{}); err != nil {
		return nil, err
	}
	if err := s.start(ctx, rows); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *beside) start(ctx context.Context, rows func(language string) []string) (err error) {
	b := s.bench
	if s.stock, err = b.lab.Database(ctx); err != nil {
		return err
	}
	stores := savers.Stores{
		Database: s.stock, Address: s.fleet.Nodes[0].Address, Token: s.fleet.Token,
		Random: filepath.Join(b.lab.Dir, "random.txt"), English: filepath.Join(b.lab.Dir, "english.txt"),
	}
	err = errors.Join(os.WriteFile(stores.Random, load.NewRandom(textSize), 0o600), os.WriteFile(stores.English, load.NewEnglish(textSize), 0o600))
	if err != nil {
		return fmt.Errorf("write the texts: %w", err)
	}
	for _, language := range []string{savers.Python, savers.JavaScript} {
		if !slices.ContainsFunc(rows(language), b.wants) {
			continue
		}
		b.say("installing what %s needs, unless it is there", language)
		p, err := savers.Start(ctx, language, stores)
		if errors.Is(err, savers.ErrNotHere) {
			for _, row := range rows(language) {
				b.left = append(b.left, fmt.Sprintf("%s: %v", row, err))
			}
			continue
		}
		if err != nil {
			return err
		}
		s.programs = append(s.programs, p)
	}
	return nil
}

func (s *beside) close() error {
	var errs []error
	for _, p := range s.programs {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, s.fleet.Close())...)
}

// quick says that a run only looks whether everything can be measured.
func (o options) quick() bool { return o.length < whole }
