package gitlab

import (
	"fmt"
	"mime"
	"net/http"
)

// NoPages makes an error of a page that comes with a good status. GitLab's API has none:
// it was said by something in front of it, which did nothing of what was asked.
func NoPages(next http.RoundTripper) http.RoundTripper { return noPages{next} }

type noPages struct{ next http.RoundTripper }

// RoundTrip asks, and closes what it does not hand on.
func (n noPages) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := n.next.RoundTrip(r)
	if err != nil || answer.StatusCode >= http.StatusMultipleChoices {
		return answer, err
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "text/html" {
		return answer, nil
	}
	_ = answer.Body.Close() // it is not read
	return nil, fmt.Errorf("%d with a web page, which no API of GitLab answers", answer.StatusCode)
}
