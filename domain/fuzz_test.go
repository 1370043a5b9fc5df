package domain_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// FuzzNames: what is read of a position, a token or a stream is written the same
// way again.
func FuzzNames(f *testing.F) {
	log := uuid.MustParse("0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a")
	for _, s := range []string{
		"3:1042", "3:1042@" + log.String(), "3:1042@" + uuid.NewString(), "-1:0", "0:9223372036854775807", "2147483648:0", "+1:+1", ":", "@", "",
		"acme/workflow/" + log.String(), "acme/workflow/{" + log.String() + "}", "a_-9/_/x", "//",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := domain.ParsePosition(s); err == nil {
			if again, err := domain.ParsePosition(p.String()); err != nil || again != p || p.Partition < 0 || p.Offset < 0 {
				t.Errorf("position %q is %s, which is %s: %v", s, p, again, err)
			}
		}
		if p, err := domain.ParseToken(s, log); err == nil {
			if again, err := domain.ParseToken(p.Token(log), log); err != nil || again != p {
				t.Errorf("token %q is %s, which is %s: %v", s, p, again, err)
			}
			if _, err := domain.ParseToken(p.Token(uuid.Nil), log); err == nil {
				t.Errorf("%s is taken from another log", p)
			}
		}
		if id, err := domain.ParseStreamID(s); err == nil && id.String() != s {
			t.Errorf("stream %q is %s", s, id)
		}
	})
}
