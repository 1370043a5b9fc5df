package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/duolog/duolog/handlers/wait"
)

const (
	// streamPause is how long a client waits before it asks for a stream anew.
	streamPause = time.Second
	// maxStreamLine bounds one event; the data of an event is bounded by its commit.
	maxStreamLine = 4 << 20
)

// follow reads a stream of events from a place on, until ctx ends or each fails. A
// stream that ends, because its node does, is asked for anew after the last id that
// was read; retry bounds how long nobody may answer.
func (c *client) follow(ctx context.Context, path, place string, each func(data []byte) error) error {
	for {
		err := c.retry.do(ctx, func() error {
			res, err := c.openStream(ctx, path, place)
			if err != nil {
				return err
			}
			defer res.Body.Close() //nolint:errcheck // nothing is written to it
			place, err = readStream(res.Body, place, each)
			return err
		})
		if err != nil {
			return err
		}
		if !wait.For(ctx, c.pause) {
			return ctx.Err()
		}
	}
}

func (c *client) openStream(ctx context.Context, path, place string) (*http.Response, error) {
	req, err := c.request(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if place != "" {
		req.Header.Set("Last-Event-ID", place)
	}
	endless := *c.http
	endless.Timeout = 0
	res, err := endless.Do(req)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close() //nolint:errcheck // read to its end below
	raw, err := io.ReadAll(res.Body)
	return nil, errors.Join(err, readError(res.StatusCode, raw))
}

// transfer sends a body and gives the answer to read, however long both take.
func (c *client) transfer(ctx context.Context, method, path string, body io.Reader, headers ...string) (io.ReadCloser, error) {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	endless := *c.http
	endless.Timeout = 0
	res, err := endless.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, problem{"nothing answers at " + c.base, "start it: duolog dev, in another terminal"}
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode < http.StatusMultipleChoices {
		return res.Body, nil
	}
	defer res.Body.Close() //nolint:errcheck // read to its end below
	raw, err := io.ReadAll(res.Body)
	return nil, errors.Join(err, readError(res.StatusCode, raw))
}

// readStream reads events to the end of the stream and returns the place after those
// it gave to each. An event without an id is not the last of its commit: it waits for
// that one, because a stream may end between them and then both come again. Only what
// each returns is an error: a stream may end at any byte.
func readStream(r io.Reader, place string, each func(data []byte) error) (string, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxStreamLine)
	var held [][]byte
	var id, data string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if data != "" {
				held = append(held, []byte(data))
			}
			if id != "" {
				for _, d := range held {
					if err := each(d); err != nil {
						return place, err
					}
				}
				place, held = id, nil
			}
			id, data = "", ""
		}
	}
	return place, nil
}
