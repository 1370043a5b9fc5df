package runner

import "strings"

// script is a shell script that shows each command before it runs it, as
// GitLab's runner does.
func script(commands []string) string {
	var b strings.Builder
	b.WriteString("set -eo pipefail\nset +o noclobber\n:\n")
	for _, command := range commands {
		first, _, more := strings.Cut(command, "\n")
		if more {
			first += " # collapsed multi-line command"
		}
		b.WriteString("echo " + quoted("\x1b[32;1m$ "+first+"\x1b[0;m") + "\n" + command + "\n")
	}
	return b.String()
}

// quoted is a word that the shell takes as it is.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
