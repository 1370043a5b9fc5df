package domain

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Position is the place of a record in the journal.
type Position struct {
	Partition int32
	Offset    int64
}

// String is the form people see: 3:1042.
func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Partition, p.Offset) }

// ParsePosition reads what String writes.
func ParsePosition(s string) (Position, error) {
	left, right, ok := strings.Cut(s, ":")
	partition, err1 := strconv.ParseInt(left, 10, 32)
	offset, err2 := strconv.ParseInt(right, 10, 64)
	if !ok || err1 != nil || err2 != nil || partition < 0 || offset < 0 {
		return Position{}, fmt.Errorf("position %q is not partition:offset", clip(s))
	}
	return Position{Partition: int32(partition), Offset: offset}, nil
}

// Token is a position as it leaves the process to come back: it names the log,
// because the same partition and offset of another log is another record.
func (p Position) Token(log uuid.UUID) string { return p.String() + "@" + log.String() }

// ParseToken reads a token of the log, or a bare position that a person typed.
func ParseToken(s string, log uuid.UUID) (Position, error) {
	position, id, named := strings.Cut(s, "@")
	if named && id != log.String() {
		return Position{}, fmt.Errorf("position %q is one of another log than %s", clip(s), log)
	}
	return ParsePosition(position)
}

// MaxItems is how many numbered items one commit may carry.
const MaxItems = 1024

// Number is the integer that names what the commit at p began: unique in the
// log, known with the verdict, in no event.
func (p Position) Number(partitions int32) int64 {
	return p.Offset*int64(partitions) + int64(p.Partition)
}

// PositionOf is the position of the commit whose item has a number.
func PositionOf(item int64, partitions int32) Position {
	n := item / MaxItems
	return Position{Partition: int32(n % int64(partitions)), Offset: n / int64(partitions)} //nolint:gosec // below the count of partitions
}

// ItemNumber names item i (0 ≤ i < MaxItems) of the commit at p.
func (p Position) ItemNumber(partitions int32, i int) int64 {
	return p.Number(partitions)*MaxItems + int64(i)
}
