package directory

import (
	"fmt"
	"strconv"

	"github.com/duolog/duolog/domain"
)

// Level is how much a member may do, in GitLab's numbers.
type Level int

// The levels. None is no member.
const (
	None       Level = 0
	Guest      Level = 10
	Reporter   Level = 20
	Developer  Level = 30
	Maintainer Level = 40
	Owner      Level = 50
)

// String is the level's name.
func (l Level) String() string {
	switch l {
	case None:
		return "none"
	case Guest:
		return "guest"
	case Reporter:
		return "reporter"
	case Developer:
		return "developer"
	case Maintainer:
		return "maintainer"
	case Owner:
		return "owner"
	}
	return strconv.Itoa(int(l))
}

// ParseLevel reads the name or the number of a member's level.
func ParseLevel(field, text string) (Level, error) {
	for _, l := range []Level{Guest, Reporter, Developer, Maintainer, Owner} {
		if text == l.String() || text == strconv.Itoa(int(l)) {
			return l, nil
		}
	}
	return None, domain.InvalidField(field, fmt.Sprintf("%s %.40q is no level", field, text), levelFix)
}

const levelFix = "use guest (10), reporter (20), developer (30), maintainer (40) or owner (50)"

func checkLevel(field string, l Level) error {
	_, err := ParseLevel(field, strconv.Itoa(int(l)))
	return err
}
