package flow

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// version is a semantic version. One with a pre-release is only taken where it is
// asked for by its whole name.
type version struct {
	major, minor, patch int
	pre                 string
}

// maxVersionNumber bounds each number of a version.
const maxVersionNumber = 1_000_000

// parseVersion reads MAJOR.MINOR.PATCH, with -PRERELEASE perhaps.
func parseVersion(s string) (version, error) {
	v, parts, err := parsePartial(s)
	if err == nil && parts != 3 {
		err = fmt.Errorf("%.80q is not MAJOR.MINOR.PATCH", s)
	}
	return v, err
}

// parsePartial reads a version that may end after any of its numbers, and says how
// many there are.
func parsePartial(s string) (v version, parts int, err error) {
	core, pre, hasPre := strings.Cut(s, "-")
	numbers := strings.Split(core, ".")
	bad := fmt.Errorf("%.80q is no version", s)
	if len(numbers) > 3 || hasPre && (len(numbers) != 3 || !plainPre(pre)) {
		return v, 0, bad
	}
	for i, to := range []*int{&v.major, &v.minor, &v.patch}[:len(numbers)] {
		n, err := strconv.Atoi(numbers[i])
		if err != nil || n > maxVersionNumber || strconv.Itoa(n) != numbers[i] {
			return v, 0, bad
		}
		*to = n
	}
	v.pre = pre
	return v, len(numbers), nil
}

func plainPre(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '.' && r != '-'
	})
}

// compare orders versions; a pre-release comes before its release.
func (v version) compare(o version) int {
	return cmp.Or(cmp.Compare(v.major, o.major), cmp.Compare(v.minor, o.minor), cmp.Compare(v.patch, o.patch), comparePre(v.pre, o.pre))
}

func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return cmp.Compare(a, b)
}
