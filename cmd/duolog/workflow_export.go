package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/duolog/duolog/domain/archive"
)

type workflowExportCmd struct {
	apiFlags

	ID string `arg:"" help:"Number or UUID."`
	To string `placeholder:"FILE" help:"Where to; by default to standard output."`
}

// Run writes all of a workflow as one file, and checks it on the way.
func (c workflowExportCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	out := a.out
	if c.To != "" {
		file, err := os.Create(c.To)
		if err != nil {
			return problem{err.Error(), "choose another file with --to"}
		}
		defer file.Close() //nolint:errcheck // closed below, where it matters
		out = file
		if err := c.export(ctx, api, out); err != nil {
			return err
		}
		return file.Close()
	}
	return c.export(ctx, api, out)
}

func (c workflowExportCmd) export(ctx context.Context, api *client, out io.Writer) error {
	body, err := api.transfer(ctx, http.MethodGet, workflowsPath+"/"+url.PathEscape(c.ID)+"/export", http.NoBody)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read from
	_, err = checkLines(io.TeeReader(body, out))
	return err
}

type workflowVerifyCmd struct {
	File string `arg:"" placeholder:"FILE" help:"What duolog workflow export wrote; - is standard input."`
	JSON bool   `help:"Print JSON."`
}

// Run checks a file without a server: the first line that is wrong is named.
func (c workflowVerifyCmd) Run(_ context.Context, a app) error {
	in, err := openFile(c.File)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read from
	reader, err := checkLines(in)
	if err != nil {
		return err
	}
	h := reader.Header
	if c.JSON {
		return json.NewEncoder(a.out).Encode(h)
	}
	_, err = fmt.Fprintf(a.out, "%s of log %s   %d commits   head %s\nevery line is right\n", h.Stream, h.Log, h.Commits, h.Head)
	return err
}

// checkLines reads a file to its end.
func checkLines(in io.Reader) (*archive.Reader, error) {
	reader := &archive.Reader{}
	lines := bufio.NewReaderSize(in, archive.MaxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, problem{fmt.Sprintf("a line of the file passes %d bytes", archive.MaxLine), "name a file that duolog workflow export wrote"}
		}
		if len(line) > 0 {
			if _, wrong := reader.Next(line); wrong != nil {
				return nil, wrong
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return reader, reader.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
	}
}

func openFile(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	file, err := os.Open(name) //nolint:gosec // the caller names it
	if err != nil {
		return nil, problem{err.Error(), "check the name of the file"}
	}
	return file, nil
}

type workflowImportCmd struct {
	apiFlags

	File string `arg:"" placeholder:"FILE" help:"What duolog workflow export wrote."`
	Key  string `placeholder:"KEY" help:"Idempotency key: with another one the same file comes in as another workflow."`
}

// Run checks the file first, and brings it in then. Cut off, it goes on where it was
// when it is run again.
func (c workflowImportCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return problem{err.Error(), "check the name of the file"}
	}
	defer file.Close() //nolint:errcheck // only read from
	if _, err := checkLines(file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s again: %w", c.File, err)
	}
	headers := []string{"Content-Type", "application/jsonl"}
	if c.Key != "" {
		headers = append(headers, "Idempotency-Key", c.Key)
	}
	body, err := api.transfer(ctx, http.MethodPost, "/v1/workflows/import", file, headers...)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // read to its end below
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if c.JSON {
		_, err = fmt.Fprintln(a.out, raw.String())
		return err
	}
	var w workflowView
	if err := json.Unmarshal(raw.Bytes(), &w); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "workflow %d   %s   %s\n", w.ID, w.Status, w.UUID)
	return err
}
