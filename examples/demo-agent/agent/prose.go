package agent

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const help = "I answer questions about the git repository I run in, by looking. You can ask me:\n\n" +
	"- what changed in the last 10 commits? (or in a folder: what changed in docs/?)\n" +
	"- who touched README.md last?\n" +
	"- where is Admit defined? where is it used?\n" +
	"- what is in README.md? (or in a folder)\n" +
	"- how many files and lines are in this repository? how many commits?\n" +
	"- what is this repository about? which branch is this?\n\n" +
	"And “ask me which file” makes me ask you."

func changesProse(f finding, wanted int, path string, readme finding) string {
	if f.Error != "" {
		return sorry("look at the history", f)
	}
	l := f.Log
	of, in := "", ""
	if readme.File != nil && readme.File.Title != "" && path == "" {
		of = " of " + readme.File.Title
	}
	if path != "" {
		in = " in " + l.Path
	}
	if l.Commits == 0 {
		return "There are no commits" + in + " yet."
	}
	verb := "touch"
	if l.Commits == 1 {
		verb = "touches"
	}
	text := fmt.Sprintf("%s by %s %s %s%s%s", capital(many(l.Commits, "commit", "commits")),
		many(l.People, "person", "people"), verb, digits(l.Files, "file", "files"), of, in)
	if l.Commits < wanted && wanted > 1 && path == "" {
		text = fmt.Sprintf("The repository has only %s so far. ", many(l.Commits, "commit", "commits")) + text
	}
	text += mostly(l) + fmt.Sprintf(" %d lines were added and %d removed.", l.Added, l.Removed)
	text += " The latest is " + quoteCommit(l.Latest[0]) + "."
	if len(l.Latest) > 1 {
		text += "\n\nBefore that:\n"
		for _, c := range l.Latest[1:] {
			text += fmt.Sprintf("\n- %s — %s (%s)", c.Subject, c.Author, c.Hash)
		}
	}
	return text
}

// mostly ends the sentence about the files with where they are.
func mostly(l *logFacts) string {
	if len(l.Folders) == 0 || l.Files < 2 {
		return "."
	}
	top := l.Folders[0]
	switch {
	case top.N == l.Files:
		return "; all of them are in " + top.Name + "."
	case top.N*2 >= l.Files:
		return fmt.Sprintf("; most of it is in %s (%s).", top.Name, digits(top.N, "file", "files"))
	default:
		return fmt.Sprintf("; the largest part is in %s (%s).", top.Name, digits(top.N, "file", "files"))
	}
}

func whoProse(f finding, path string) string {
	if f.Error != "" {
		return sorry("look at the history of "+path, f)
	}
	l := f.Log
	if l.Commits == 0 {
		return fmt.Sprintf("Nobody has committed anything under %s: no commit in this branch touches it.", path)
	}
	where := l.Path
	if where == "" {
		where = "this repository"
	}
	text := fmt.Sprintf("%s touched %s last, on %s: “%s” (%s).",
		l.Latest[0].Author, where, day(l.Latest[0].Date), l.Latest[0].Subject, l.Latest[0].Hash)
	switch {
	case l.Commits == 1:
		return text + " It is the only commit there."
	case l.People == 1:
		return text + fmt.Sprintf(" All of the last %s there are theirs.", many(l.Commits, "commit", "commits"))
	}
	return text + fmt.Sprintf(" Of the last %s there, %s.", many(l.Commits, "commit", "commits"), shares(l.Authors, l.People))
}

func definedProse(made, used finding, name string) string {
	if made.Error != "" {
		return sorry("search for "+name, made)
	}
	if len(made.Hits.Hits) == 0 {
		return fmt.Sprintf("I found no definition of %s. ", name) + usedProse(used, name)
	}
	first := made.Hits.Hits[0]
	text := fmt.Sprintf("%s is defined in %s:%d: `%s`.", name, first.Path, first.Line, first.Text)
	if more := made.Hits.Hits[1:]; len(more) > 0 {
		places := make([]string, 0, 3)
		for _, h := range more[:min(3, len(more))] {
			places = append(places, fmt.Sprintf("%s:%d", h.Path, h.Line))
		}
		text += fmt.Sprintf(" %s more %s that name too, at %s.", capital(inWords(made.Hits.Total-1)), plural(made.Hits.Total-1, "line makes", "lines make"), list(places))
	}
	if used.Hits != nil && used.Hits.Total > made.Hits.Total {
		text += fmt.Sprintf(" It is mentioned on %s of %s, most often in %s.", digits(used.Hits.Total, "line", "lines"),
			digits(used.Hits.Count, "file", "files"), used.Hits.Files[0].Name)
	}
	return text
}

func usedProse(f finding, name string) string {
	if f.Error != "" {
		return sorry("search for "+name, f)
	}
	if f.Hits.Total == 0 {
		return fmt.Sprintf("No tracked file mentions %s.", name)
	}
	text := fmt.Sprintf("%s stands on %s of %s", name, digits(f.Hits.Total, "line", "lines"), digits(f.Hits.Count, "file", "files"))
	if f.Hits.Count > 1 {
		text += fmt.Sprintf(", most often in %s (%s)", f.Hits.Files[0].Name, digits(f.Hits.Files[0].N, "line", "lines"))
	}
	lines := []string{text + ". For example:\n"}
	for _, h := range f.Hits.Hits[:min(5, len(f.Hits.Hits))] {
		lines = append(lines, fmt.Sprintf("- %s:%d: `%s`", h.Path, h.Line, h.Text))
	}
	return strings.Join(lines, "\n")
}

func countProse(f finding, path string) string {
	if f.Error != "" {
		return sorry("count "+path, f)
	}
	c := f.Files
	where := "The repository"
	if c.Path != "" {
		where = c.Path
	}
	text := fmt.Sprintf("%s has %s tracked by git, with %s of text.", where, digits(c.Files, "file", "files"), digits(c.Lines, "line", "lines"))
	if len(c.Endings) > 0 && c.Files > 1 {
		text += fmt.Sprintf(" The most common kind is %s (%s)", c.Endings[0].Name, digits(c.Endings[0].N, "file", "files"))
		if len(c.Folders) > 1 {
			text += fmt.Sprintf("; the largest part is %s (%s)", c.Folders[0].Name, digits(c.Folders[0].N, "file", "files"))
		}
		text += "."
	}
	return text
}

func authorsProse(f finding) string {
	if f.Error != "" {
		return sorry("count the commits", f)
	}
	a := f.Authors
	verb := "have"
	if len(a.Authors) == 1 {
		verb = "has"
	}
	return fmt.Sprintf("%s %s made %s on this branch: %s.", capital(many(len(a.Authors), "person", "people")), verb,
		digits(a.Commits, "commit", "commits"), shares(a.Authors, len(a.Authors)))
}

func aboutProse(readme, files, log finding) string {
	text := "It has no README that I could read."
	if readme.File != nil && readme.File.Intro != "" {
		text = readme.File.Intro
		if readme.File.Title != "" {
			text = readme.File.Title + ": " + text
		}
	}
	if files.Files != nil {
		text += "\n\n" + countProse(files, "")
	}
	if log.Log != nil && log.Log.Commits > 0 {
		text += " The latest commit is " + quoteCommit(log.Log.Latest[0]) + "."
	}
	return text
}

func statusProse(status, log finding) string {
	if status.Error != "" {
		return sorry("read the status", status)
	}
	text := fmt.Sprintf("The branch is %s", status.Status.Branch)
	if n := status.Status.Changed; n > 0 {
		text += fmt.Sprintf(", with %s that %s not committed.", digits(n, "change", "changes"), plural(n, "is", "are"))
	} else {
		text += ", with nothing left to commit."
	}
	if log.Log != nil && log.Log.Commits > 0 {
		text += " Its latest commit is " + quoteCommit(log.Log.Latest[0]) + "."
	}
	return text
}

func fileProse(f, log finding, path string) string {
	if f.Error != "" {
		return sorry("read "+path, f)
	}
	text := describe(f.File)
	if log.Log != nil && log.Log.Commits > 0 {
		text += "\n\nIt was last touched by " + quoteCommit(log.Log.Latest[0]) + "."
	}
	return text
}

func describe(f *fileFacts) string {
	switch {
	case f.Folder:
		return describeFolder(f)
	case f.Binary:
		return fmt.Sprintf("%s is a binary file of %s.", f.Path, digits(int(f.Bytes), "byte", "bytes"))
	}
	text := fmt.Sprintf("%s has %s.", f.Path, digits(f.Lines, "line", "lines"))
	if f.Package != "" {
		text = fmt.Sprintf("%s is a file of the Go package %s, with %s.", f.Path, f.Package, digits(f.Lines, "line", "lines"))
	}
	if f.Title != "" {
		text += fmt.Sprintf(" Its title is “%s”.", f.Title)
	}
	if f.Intro != "" {
		text += " It begins: “" + f.Intro + "”"
	}
	if len(f.Headings) > 0 {
		text += " Its sections are " + list(f.Headings) + "."
	}
	if len(f.Names) > 0 {
		text += " It declares " + list(f.Names) + "."
	}
	return text
}

func describeFolder(f *fileFacts) string {
	where := f.Path + "/"
	if f.Path == "" {
		where = "The repository"
	}
	text := fmt.Sprintf("%s holds %s.", where, digits(f.Lines, "tracked file", "tracked files"))
	if len(f.Entries) > 0 {
		folders := make([]string, 0, len(f.Entries))
		for _, e := range f.Entries {
			folders = append(folders, fmt.Sprintf("%s (%d)", e.Name, e.N))
		}
		text += " Its folders are " + list(folders) + "."
	}
	if len(f.Names) > 0 {
		text += " Directly in it: " + list(f.Names) + "."
	}
	return text
}

func sorry(what string, f finding) string {
	return fmt.Sprintf("I could not %s: %s.", what, strings.TrimSuffix(f.Error, "."))
}

func quoteCommit(c commit) string {
	return fmt.Sprintf("“%s” by %s, %s (%s)", c.Subject, c.Author, day(c.Date), c.Hash)
}

func day(iso string) string {
	t, err := time.Parse(time.RFC3339, iso)
	if err != nil {
		return iso
	}
	return t.Format("2 January 2006")
}

func shares(authors []count, people int) string {
	parts := make([]string, 0, len(authors))
	for i, a := range authors[:min(5, len(authors))] {
		verb := ""
		if i == 0 {
			verb = "made "
		}
		parts = append(parts, fmt.Sprintf("%s %s%d", a.Name, verb, a.N))
	}
	if more := people - len(parts); more > 0 {
		parts = append(parts, inWords(more)+" more fewer each")
	}
	return list(parts)
}

// list joins as a sentence does.
func list(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

func numberWords() []string {
	return []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
}

// inWords writes small numbers as words.
func inWords(n int) string {
	if words := numberWords(); n >= 0 && n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

func many(n int, one, more string) string { return inWords(n) + " " + plural(n, one, more) }

func digits(n int, one, more string) string { return strconv.Itoa(n) + " " + plural(n, one, more) }

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
