//go:build !planted

package planted

// Bug is false: this build has none of the planted bugs.
func Bug(string) bool { return false }
