package directory

import (
	"fmt"
	"strings"
)

// maxOwners is how many of those who can help are named.
const maxOwners = 3

// NameOwners names who can change a group, by their logins.
func NameOwners(logins []string) string {
	switch n := len(logins); {
	case n == 0:
		return "an owner of the group"
	case n > maxOwners:
		return fmt.Sprintf("an owner of the group (%s and %d more)", strings.Join(logins[:maxOwners], ", "), n-maxOwners)
	}
	return "an owner of the group (" + strings.Join(logins, ", ") + ")"
}
