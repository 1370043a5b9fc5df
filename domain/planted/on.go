//go:build planted

package planted

import "os"

// bug is the one that this process has.
var bug = os.Getenv("DUOLOG_PLANTED_BUG") //nolint:gochecknoglobals // only in builds that nobody runs

// Bug says whether this process has the bug.
func Bug(name string) bool { return name == bug }
