package gitlab_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/handlers/engine/gitlab"
)

const signingKey = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// TestHooksOfGitLab: what GitLab sends is looked at, what anybody else sends is not.
func TestHooksOfGitLab(t *testing.T) {
	t.Parallel()
	workflow := domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
	ref := "workloads/acme/" + workflow.ID.String() + "/" + uuid.NewString()
	key, err := standard.ParseKey(signingKey)
	if err != nil {
		t.Fatal(err)
	}
	other, err := standard.ParseKey("whsec_" + strings.Repeat("QUJD", 11))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signed := func(h http.Header, body []byte, at time.Time, k standard.Key) { standard.Sign(h, "msg_1", at, body, k) }
	pipeline, job := `{"object_kind":"pipeline","object_attributes":{"ref":"`+ref+`"}}`, `{"object_kind":"build","ref":"`+ref+`"}`
	for name, c := range map[string]struct {
		body  string
		head  func(http.Header, []byte)
		fails bool
		code  domain.Code
		asked int
	}{
		"token, pipeline":    {body: pipeline, head: func(h http.Header, _ []byte) { h.Set("X-Gitlab-Token", "s3cret") }, asked: 1},
		"token, job":         {body: job, head: func(h http.Header, _ []byte) { h.Set("X-Gitlab-Token", "s3cret") }, asked: 1},
		"signed":             {body: pipeline, head: func(h http.Header, b []byte) { signed(h, b, now, key) }, asked: 1},
		"somebody's branch":  {body: `{"object_kind":"pipeline","object_attributes":{"ref":"main"}}`, head: func(h http.Header, b []byte) { signed(h, b, now, key) }},
		"no token":           {body: pipeline, head: func(http.Header, []byte) {}, code: domain.CodeUnauthenticated},
		"wrong token":        {body: pipeline, head: func(h http.Header, _ []byte) { h.Set("X-Gitlab-Token", "s3creT") }, code: domain.CodeUnauthenticated},
		"another's key":      {body: pipeline, head: func(h http.Header, b []byte) { signed(h, b, now, other) }, code: domain.CodeUnauthenticated},
		"signed long ago":    {body: pipeline, head: func(h http.Header, b []byte) { signed(h, b, now.Add(-time.Hour), key) }, code: domain.CodeUnauthenticated},
		"signed other bytes": {body: pipeline, head: func(h http.Header, _ []byte) { signed(h, []byte("{}"), now, key) }, code: domain.CodeUnauthenticated},
		"a bad signature and the right token": {body: pipeline, head: func(h http.Header, b []byte) {
			signed(h, b, now, other)
			h.Set("X-Gitlab-Token", "s3cret")
		}, code: domain.CodeUnauthenticated},
		"no JSON":       {body: `<html>`, head: func(h http.Header, _ []byte) { h.Set("X-Gitlab-Token", "s3cret") }, code: domain.CodeInvalidField},
		"too large":     {body: strings.Repeat(" ", 1<<20+1), head: func(h http.Header, _ []byte) { h.Set("X-Gitlab-Token", "s3cret") }, code: domain.CodeTooLarge},
		"cannot be now": {body: pipeline, fails: true, head: func(h http.Header, _ []byte) { h.Set("X-Gitlab-Token", "s3cret") }, code: domain.CodeNotNow, asked: 1},
	} {
		asked := 0
		hook := gitlab.Hook{
			Secret: "s3cret", Key: &key, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
			Ask: func(_ context.Context, id domain.StreamID) error {
				if asked++; id != workflow {
					t.Errorf("%s: asked for %s", name, id)
				}
				if c.fails {
					return errors.New("the database is away")
				}
				return nil
			},
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/gitlab/hooks", strings.NewReader(c.body))
		c.head(r.Header, []byte(c.body))
		err := hook.Take(r)
		if (err == nil) != (c.code == "") || c.code != "" && domain.CodeOf(err) != c.code || asked != c.asked {
			t.Errorf("%s: %v, asked %d times", name, err, asked)
		}
	}
}
