package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/duolog/duolog/domain"
)

// TestFollowGoesOnAfterTheLastID: a stream that ends, in the middle of a commit or of
// a line, is asked for anew after the last id, so that each event comes once; one that
// is refused is an error.
func TestFollowGoesOnAfterTheLastID(t *testing.T) {
	var asked []string
	streams := []string{
		"retry: 1000\n\nid: 0:1\nevent: a\ndata: {\"n\":1}\n\nevent: a\ndata: {\"n\":2}\n\nid: 0:2\nevent: b\nda",
		"event: a\ndata: {\"n\":2}\n\nid: 0:2\nevent: b\ndata: {\"n\":2.5}\n\n: nothing new\n\nid: 0:5\n\n",
		"id: 0:6\nevent: a\ndata: {\"n\":3}\n\n",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		if len(asked) > len(streams) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"code":"forbidden","message":"no more"}`)
			return
		}
		_, _ = fmt.Fprint(w, streams[len(asked)-1])
	}))
	defer server.Close()
	c := newClient(server.URL, "t")
	c.pause = 0
	var got []string
	err := c.follow(t.Context(), "/", "0:0", func(data []byte) error {
		got = append(got, string(data))
		return nil
	})
	if domain.CodeOf(err) != domain.CodeForbidden {
		t.Errorf("it ends with %v", err)
	}
	if want := []string{`{"n":1}`, `{"n":2}`, `{"n":2.5}`, `{"n":3}`}; !slices.Equal(got, want) {
		t.Errorf("the events are %q", got)
	}
	if want := []string{"0:0", "0:1", "0:5", "0:6"}; !slices.Equal(asked, want) {
		t.Errorf("it was asked for from %q", asked)
	}
	stop := errors.New("enough")
	asked = nil
	if err := c.follow(context.WithoutCancel(t.Context()), "/", "", func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a reader that has enough: %v", err)
	}
}
