package main

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// onTerminal says whether a person reads what is written to w: progress is for
// people alone.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// painter colours what people read on a terminal that can, unless they said that
// they want none: see no-color.org.
type painter struct{ on bool }

func (a app) painter() painter {
	return painter{on: onTerminal(a.out) && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"}
}

// The colours that every terminal has.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	grey   = "90"
)

func (p painter) paint(colour, text string) string {
	if !p.on {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
