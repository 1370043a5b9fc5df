package main

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// manCmd prints the manual page.
type manCmd struct{}

// Help is shown below the flags.
func (manCmd) Help() string {
	return "Examples:\n  duolog man | man -l -\n  duolog man > /usr/local/share/man/man1/duolog.1"
}

// Run writes the page from the grammar, so that it tells what this program knows.
func (manCmd) Run(k *kong.Context, a app) error {
	_, err := fmt.Fprint(a.out, manPage(k.Model, build(), builtOn()))
	return err
}

// builtOn is the day of the commit that was built, if it is known.
func builtOn() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			day, _, _ := strings.Cut(s.Value, "T")
			return day
		}
	}
	return ""
}

// page is a manual page in the macros of man(7).
type page struct{ b strings.Builder }

func manPage(model *kong.Application, version, day string) string {
	var p page
	fmt.Fprintf(&p.b, ".TH DUOLOG 1 %q %q\n", day, "duolog "+version)
	p.section("NAME")
	p.text("duolog - " + strings.TrimSuffix(model.Help, "."))
	p.section("SYNOPSIS")
	p.text("duolog COMMAND [FLAGS]")
	p.section("DESCRIPTION")
	p.text("Duolog keeps the work of AI agents in a log: every change is a record in Kafka, and what Postgres holds derives from it. " +
		"Each command tells more with --help; most print JSON with --json.")
	p.section("COMMANDS")
	envs := map[string]string{}
	for _, leaf := range model.Leaves(true) {
		p.command(leaf, envs)
	}
	p.section("ENVIRONMENT")
	for _, name := range slices.Sorted(maps.Keys(envs)) {
		p.term(name, "The same as --"+envs[name]+".")
	}
	p.term("NO_COLOR", "Whatever it is set to: no colours. There are none, either, where the output is no terminal.")
	p.section("FILES")
	p.term(".duolog/", "The state of duolog dev in this directory. The tools find its log, database, address and token there.")
	p.term("duolog.yaml", "Any name will do: --config FILE. duolog config example prints one.")
	p.section("EXIT STATUS")
	p.term("0", "It was done.")
	p.term("1", "It failed, and the reason was told; or duolog doctor found what must be put right.")
	p.term("2", "The command line cannot be understood.")
	return p.b.String()
}

func (p *page) command(leaf *kong.Node, envs map[string]string) {
	fmt.Fprintf(&p.b, ".SS duolog %s\n", escaped(leaf.Summary()))
	help, example, _ := strings.Cut(leaf.Help, " Example: ")
	p.text(help)
	if example != "" {
		p.lines("  " + example)
	}
	if leaf.Detail != "" {
		fmt.Fprint(&p.b, ".PP\n")
		p.lines(leaf.Detail)
	}
	for _, f := range leaf.Flags {
		if f.Hidden {
			continue
		}
		p.term(f.String(), f.Help)
		for _, env := range f.Envs {
			envs[env] = f.Name
		}
	}
}

func (p *page) section(name string) { fmt.Fprintf(&p.b, ".SH %s\n", name) }

// text is filled by whoever shows the page; its own lines are short.
func (p *page) text(s string) {
	const width = 76
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && len(line)+len(word) > width {
			fmt.Fprintln(&p.b, escaped(line))
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	fmt.Fprintln(&p.b, escaped(line))
}

// term is a word and what it means.
func (p *page) term(word, meaning string) {
	fmt.Fprintf(&p.b, ".TP\n\\fB%s\\fR\n", escaped(word))
	p.text(meaning)
}

// lines keep their breaks.
func (p *page) lines(s string) {
	fmt.Fprint(&p.b, ".nf\n")
	for line := range strings.Lines(s) {
		fmt.Fprintln(&p.b, escaped(strings.TrimSuffix(line, "\n")))
	}
	fmt.Fprint(&p.b, ".fi\n")
}

// escaped keeps roff from taking text for its own.
func escaped(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "–", `\(en`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
