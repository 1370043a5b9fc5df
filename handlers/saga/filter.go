package saga

import (
	"slices"
	"strings"

	"github.com/duolog/duolog/handlers/feed"
)

// wants says by its type which events a saga is told of. One without a type is among
// them: that it cannot be read is said in one place. So is a version that this build
// does not know: the handler says so.
func wants(s Saga) func(eventType string) bool {
	var prefixes []string
	for _, name := range s.Reacts() {
		prefixes = append(prefixes, feed.TypePrefix+name+".v")
	}
	return func(eventType string) bool {
		return eventType == "" || slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(eventType, prefix) })
	}
}
