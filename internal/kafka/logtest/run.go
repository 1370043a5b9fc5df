package logtest

import "testing"

// Run checks everything on clusters that open gives; each test asks for one.
func Run(t *testing.T, open func(t *testing.T) Cluster) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(f *fixture)
	}{
		{"append keeps order and tells positions", appendOrder},
		{"appends at once stay whole and in order", appendTogether},
		{"appending the same bytes again is a second record", appendTwice},
		{"append refuses before it writes", appendRefuses},
		{"append gives up with its context", appendCancelled},
		{"reader begins at an offset and keeps limits", readerLimits},
		{"reader waits for what comes", readerWaits},
		{"reader outside the log is an error", readerOutOfRange},
		{"a truncated start is an error everywhere", truncatedStart},
		{"one record is read by position", readAt},
		{"init again is the same log", initAgain},
		{"init at once is one log", initRace},
		{"init finishes what was begun", initHalfDone},
		{"init of another count is refused", initOtherCount},
		{"a foreign log is refused", foreignLog},
		{"a missing log is refused", missingLog},
		{"finite retention stops writing until it is altered", finiteRetention},
		{"unsafe settings are found", unsafeSettings},
		{"more partitions stop writing", morePartitions},
		{"watch looks again and again", watch},
		{"doctor looks at everything", doctor},
		{"events are appended and their last is found", events},
		{"the last event is found behind foreign records", eventsBehind},
		{"a transaction's marker is no event", eventsMarker},
		{"deleted events are not an empty topic", eventsDeleted},
		{"commands go round with any bytes", commands},
		{"commands are read again after nack", commandsNack},
		{"refused commands say where they stood", refused},
		{"how far the read models are shows as a consumer group", projectedShows},
		{"a group is behind by what it has not acknowledged", groupLag},
		{"keys fall where Java puts them", murmur2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(newFixture(t, open(t)))
		})
	}
	t.Run("an outage is an error to append and a pause to read", func(t *testing.T) {
		t.Parallel()
		cluster := open(t)
		if cluster.Stop == nil {
			t.Skip("this cluster may not be stopped")
		}
		outage(newFixture(t, cluster), cluster)
	})
}
