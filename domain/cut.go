package domain

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Cut is a place in several partitions at once: the offset of the last record of
// each that was read. Between partitions there is no order, so a reader of all of
// them has one place in each. A partition that is not named was not read.
type Cut map[int32]int64

// Token is a cut as it leaves the process to come back: 0:1041.3:977@log.
func (c Cut) Token(log uuid.UUID) string {
	parts := make([]string, 0, len(c))
	for _, p := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, Position{Partition: p, Offset: c[p]}.String())
	}
	return strings.Join(parts, ".") + "@" + log.String()
}

// ParseCut reads a token of the log, which has so many partitions.
func ParseCut(s string, log uuid.UUID, partitions int32) (Cut, error) {
	list, id, _ := strings.Cut(s, "@")
	if id != log.String() {
		return nil, fmt.Errorf("%q is no place in log %s", clip(s), log)
	}
	c := Cut{}
	if list == "" {
		return c, nil
	}
	for text := range strings.SplitSeq(list, ".") {
		at, err := ParsePosition(text)
		if err != nil {
			return nil, err
		}
		if _, twice := c[at.Partition]; twice || at.Partition >= partitions {
			return nil, fmt.Errorf("%q names partition %d twice, or there is none", clip(s), at.Partition)
		}
		c[at.Partition] = at.Offset
	}
	return c, nil
}
