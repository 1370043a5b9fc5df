// Package requirements holds docs/requirements.md to what it promises: that each
// requirement has a test that is named after it, and that the commands beside it name
// tests that are there.
package requirements

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// numbers are the requirements of the trigger, the engines, the flows and the models.
func numbers() []string {
	return []string{
		"T1", "T2", "T3", "T4", "T5", "T6", "T6a", "T6b", "T7", "T8", "E2", "E4", "E10",
		"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "P1", "P2", "P4", "P5",
	}
}

// command is one go test of the page: what it runs where.
type command struct {
	text, run string
	packages  []string
}

// row is one line of a table: the requirements that it is about, and how they are shown.
type row struct {
	numbers  []string
	commands []command
}

// TestEachRequirementIsShown: each number has a row, and one of the row's commands runs
// a test that has the number in its name, or in that of a subtest.
func TestEachRequirementIsShown(t *testing.T) {
	t.Parallel()
	rows := page(t)
	for _, number := range numbers() {
		named := false
		var commands []string
		for _, r := range rows {
			if !slices.Contains(r.numbers, number) {
				continue
			}
			for _, c := range r.commands {
				commands = append(commands, c.text)
				named = named || c.names(t, number)
			}
		}
		if !named {
			t.Errorf("%s: no test is named after it among %q", number, commands)
		}
	}
}

// TestCommandsNameTestsThatAreThere: each pattern of a command matches a test of its
// packages, and behind a slash the name of a subtest.
func TestCommandsNameTestsThatAreThere(t *testing.T) {
	t.Parallel()
	n := 0
	for _, r := range page(t) {
		for _, c := range r.commands {
			n++
			c.check(t)
		}
	}
	if n < 50 {
		t.Errorf("the page has %d commands", n)
	}
}

// page reads the tables.
func page(t *testing.T) []row {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs", "requirements.md"))
	if err != nil {
		t.Fatal(err)
	}
	inCode := regexp.MustCompile("`([^`]*)`")
	var out []row
	for line := range strings.Lines(string(raw)) {
		first, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| ") {
			continue
		}
		r := row{numbers: expand(first)}
		for _, code := range inCode.FindAllStringSubmatch(strings.ReplaceAll(rest, `\|`, "|"), -1) {
			if args, is := strings.CutPrefix(code[1], "go test "); is {
				r.commands = append(r.commands, parse(code[1], args))
			}
		}
		out = append(out, r)
	}
	return out
}

// expand reads "C3, C4", "F1–F7" and "E2 (CI)".
func expand(cell string) []string {
	number := regexp.MustCompile(`^([A-Z])(\d+)([a-z]?)(?:–[A-Z](\d+))?`)
	var out []string
	for part := range strings.SplitSeq(cell, ", ") {
		m := number.FindStringSubmatch(part)
		if m == nil {
			continue
		}
		from, _ := strconv.Atoi(m[2])
		to, _ := strconv.Atoi(m[4])
		for i := from; i <= max(from, to); i++ {
			out = append(out, m[1]+strconv.Itoa(i)+m[3])
		}
	}
	return out
}

func parse(text, args string) command {
	c := command{text: text}
	for fields := strings.Fields(args); len(fields) > 0; fields = fields[1:] {
		switch {
		case fields[0] == "-run" && len(fields) > 1:
			c.run, fields = strings.Trim(fields[1], "'"), fields[1:]
		case strings.HasPrefix(fields[0], "./"):
			c.packages = append(c.packages, fields[0])
		}
	}
	return c
}

// tests are the names of tests in the packages, and the texts that stand in them.
func (c command) tests(t *testing.T) (names, texts []string) {
	t.Helper()
	for _, p := range c.packages {
		dir, deep := strings.CutSuffix(filepath.Join(root, p), "/...")
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != dir && !deep:
				return fs.SkipDir
			case !strings.HasSuffix(path, "_test.go"):
				return nil
			}
			n, x, err := read(path)
			names, texts = append(names, n...), append(texts, x...)
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	return names, texts
}

func read(path string) (names, texts []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && strings.HasPrefix(n.Name.Name, "Test") {
				names = append(names, n.Name.Name)
			}
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
				texts = append(texts, strings.ReplaceAll(text, " ", "_"))
			}
		}
		return true
	})
	return names, texts, nil
}

// names says whether what the command runs has a test of that number: TestT6 and
// TestT6Settings are of T6, TestT6a and TestT60 are not.
func (c command) names(t *testing.T, number string) bool {
	t.Helper()
	of := regexp.MustCompile(`(^|[^A-Za-z0-9]|Test|To)` + number + `($|[^a-z0-9])`)
	names, texts := c.tests(t)
	for pattern := range strings.SplitSeq(c.run, "|") {
		test, _, _ := strings.Cut(pattern, "/")
		runs := regexp.MustCompile(test)
		if slices.ContainsFunc(names, func(n string) bool { return runs.MatchString(n) && of.MatchString(n) }) {
			return true
		}
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(text, number) && of.MatchString(text) })
}

func (c command) check(t *testing.T) {
	t.Helper()
	names, texts := c.tests(t)
	for pattern := range strings.SplitSeq(c.run, "|") {
		test, sub, _ := strings.Cut(pattern, "/")
		for in, list := range map[string][]string{test: names, sub: texts} {
			is, err := regexp.Compile(in)
			if err != nil || len(list) == 0 || !slices.ContainsFunc(list, is.MatchString) {
				t.Errorf("%s: nothing is called %q", c.text, in)
			}
		}
	}
}
