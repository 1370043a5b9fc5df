package domain_test

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
)

// Clients hold numbers as doubles: they are exact below 2^53.
const exact = 1 << 53

// A thousand commits a second on each of 64 partitions for four years.
const (
	mostPartitions = 64
	mostOffset     = 1000 * 60 * 60 * 24 * 365 * 4
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.Int32Range(1, mostPartitions).Draw(t, "partitions")
		a, b := drawPosition(t, partitions), drawPosition(t, partitions)
		i, j := rapid.IntRange(0, domain.MaxItems-1).Draw(t, "i"), rapid.IntRange(0, domain.MaxItems-1).Draw(t, "j")
		if (a.Number(partitions) == b.Number(partitions)) != (a == b) {
			t.Fatalf("%s and %s have the number %d", a, b, a.Number(partitions))
		}
		if (a.ItemNumber(partitions, i) == b.ItemNumber(partitions, j)) != (a == b && i == j) {
			t.Fatalf("item %d of %s and %d of %s have one number", i, a, j, b)
		}
		if n := a.ItemNumber(partitions, i); n < 0 || n >= exact {
			t.Fatalf("%d is not below 2^53", n)
		}
		if back := domain.PositionOf(a.ItemNumber(partitions, i), partitions); back != a {
			t.Fatalf("item %d of %s is of %s", i, a, back)
		}
	})
}

func drawPosition(t *rapid.T, partitions int32) domain.Position {
	return domain.Position{
		Partition: rapid.Int32Range(0, partitions-1).Draw(t, "partition"),
		Offset:    rapid.Int64Range(0, mostOffset).Draw(t, "offset"),
	}
}

func TestParsePosition(t *testing.T) {
	t.Parallel()
	p := domain.Position{Partition: 3, Offset: 1042}
	if got, err := domain.ParsePosition(p.String()); err != nil || got != p {
		t.Errorf("%v %v", got, err)
	}
	for _, s := range []string{"", "3", "3:", ":3", "-1:2", "1:-2", "1:2:3", "x:1", "99999999999:1"} {
		if _, err := domain.ParsePosition(s); err == nil {
			t.Errorf("%q is a position", s)
		}
	}
}

func TestTokenNamesTheLog(t *testing.T) {
	t.Parallel()
	log, other := uuid.New(), uuid.New()
	at := domain.Position{Partition: 3, Offset: 1042}
	for _, s := range []string{at.Token(log), at.String()} {
		if got, err := domain.ParseToken(s, log); err != nil || got != at {
			t.Errorf("%s reads %v, %v", s, got, err)
		}
	}
	for _, s := range []string{at.Token(other), "3:1042@", "3:1042@x", "@" + log.String(), "x@" + log.String()} {
		if got, err := domain.ParseToken(s, log); err == nil {
			t.Errorf("%s reads %v", s, got)
		}
	}
}
