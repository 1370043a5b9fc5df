package domain_test

import (
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
)

const key = "acme/workflow/0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d"

func TestStreamHasOneKey(t *testing.T) {
	t.Parallel()
	s, err := domain.ParseStreamID(key)
	if err != nil || s.String() != key {
		t.Errorf("%v %v", s, err)
	}
	if s, err := domain.ParseStreamID("a_b-9/a_kind_of_later/" + key[14:]); err != nil {
		t.Errorf("%v %v", s, err)
	}
	for _, bad := range []string{
		"", "/", "//", key + "/", "/" + key, strings.ToUpper(key), " " + key, key + "\n",
		"Acme/workflow/" + key[14:], "-a/workflow/" + key[14:], big(64) + "/workflow/" + key[14:],
		"acme/Workflow/" + key[14:], "acme//" + key[14:], "acme/work-flow/" + key[14:],
		"acme/workflow/" + strings.ReplaceAll(key[14:], "-", ""), "acme/workflow/{" + key[14:] + "}",
		"acme/workflow/urn:uuid:" + key[14:], "acme/workflow/" + strings.ToUpper(key[14:]),
	} {
		if s, err := domain.ParseStreamID(bad); err == nil {
			t.Errorf("%q is %v", bad, s)
		}
	}
}
