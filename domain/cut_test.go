package domain_test

import (
	"maps"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

func TestCutComesBack(t *testing.T) {
	log := uuid.MustParse("01980000-0000-7000-8000-000000000001")
	for _, c := range []domain.Cut{{}, {0: 0}, {3: 977, 0: 1041, 63: 1 << 50}} {
		got, err := domain.ParseCut(c.Token(log), log, 64)
		if err != nil || !maps.Equal(got, c) {
			t.Errorf("%s comes back as %v: %v", c.Token(log), got, err)
		}
	}
	if got := (domain.Cut{3: 977, 0: 1041}).Token(log); got != "0:1041.3:977@"+log.String() {
		t.Errorf("the token is %s", got)
	}
	for _, bad := range []string{"", "0:1", "0:1@", "0:1@01980000-0000-7000-8000-000000000002", "64:1@" + log.String(), "0:1.0:2@" + log.String(), "0:-1@" + log.String(), ".@" + log.String(), "0:1.@" + log.String()} {
		if c, err := domain.ParseCut(bad, log, 64); err == nil {
			t.Errorf("%q is taken for %v", bad, c)
		}
	}
}
