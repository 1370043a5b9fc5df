//go:build planted

package planted

// bug is the one this binary was linked with.
var bug string //nolint:gochecknoglobals // the linker sets it

// Bug says whether this binary has the bug.
func Bug(name string) bool { return name == bug }
