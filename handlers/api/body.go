package api

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/duolog/duolog/handlers/document"
)

// readBody reads the body of a request within its limits, decompressed.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	limits := s.cfg.Limits
	most = min(most, limits.MaxBody)
	zip, err := isZipped(r)
	if err != nil {
		return nil, err
	}
	if !zip {
		body, err := readSized(http.MaxBytesReader(w, r.Body, most), min(r.ContentLength, most))
		return body, bodyError(err, most)
	}
	in := http.MaxBytesReader(w, r.Body, min(most, limits.MaxCompressed))
	zipped, err := gzip.NewReader(in)
	if err != nil {
		return nil, bodyError(err, min(most, limits.MaxCompressed))
	}
	defer zipped.Close() //nolint:errcheck // only read from
	return inflate("the body", zipped, most)
}

// isZipped says whether the body comes with gzip, the one encoding that is taken.
func isZipped(r *http.Request) (bool, error) {
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	default:
		return false, document.InvalidBody(fmt.Sprintf("Content-Encoding %.40q is not taken", encoding), "send gzip, or the body as it is", nil)
	}
}

// readSized is io.ReadAll for what says its size: it is read to where it stays.
// A size below 0 is not known; a false one costs a copy.
func readSized(in io.Reader, size int64) ([]byte, error) {
	const least = 512 // also the room that finds out where it ends
	b := bytes.NewBuffer(make([]byte, 0, max(size, 0)+least))
	_, err := b.ReadFrom(in)
	return b.Bytes(), err
}

// bodyError says what was wrong with the body on the wire.
func bodyError(err error, most int64) error {
	switch large, ok := errors.AsType[*http.MaxBytesError](err); {
	case err == nil:
		return nil
	case ok:
		return tooLarge("", fmt.Sprintf("the body passes %d bytes", large.Limit), fmt.Sprintf("send at most %d bytes; compress it with gzip, or send less", most))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return document.InvalidBody("the body ended early", "send all of it", err)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.EOF):
		return document.InvalidBody("the body is not gzip, as its Content-Encoding says", "compress it with gzip, or leave the header out", err)
	}
	return document.InvalidBody("the body could not be read", "send it again", err)
}

// inflate reads a compressed stream and stops at the limit, whatever it claims.
func inflate(what string, in io.Reader, most int64) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(in, most+1))
	if int64(len(out)) > most {
		return nil, tooLarge("", fmt.Sprintf("%s passes %d bytes when decompressed", what, most), "send less in one request")
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, bodyError(err, large.Limit)
	}
	if err != nil {
		return nil, document.InvalidBody(what+" does not decompress", "compress it again and send all of it", err)
	}
	return out, nil
}

// inflateField reads base64(zlib(bytes)).
func inflateField(field, text string, most int64) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, document.InvalidField(field, field+" is not base64", "send base64(zlib(JSON))", err)
	}
	zipped, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, document.InvalidField(field, field+" is not zlib inside its base64", "send base64(zlib(JSON))", err)
	}
	defer zipped.Close() //nolint:errcheck // only read from
	out, err := inflate(field, zipped, most)
	return out, document.InField(field, err)
}

// deflateField writes base64(zlib(raw)).
func deflateField(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if _, err := z.Write(raw); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	out := make([]byte, base64.StdEncoding.EncodedLen(b.Len()))
	base64.StdEncoding.Encode(out, b.Bytes())
	return out, nil
}

// document reads the JSON object of a request: its bytes, and its members.
func (s *Server) document(c *call, most int64) (body []byte, doc document.Object, err error) {
	if body, err = s.admitted(c, most); err != nil {
		return nil, doc, err
	}
	doc, err = document.Parse(body, s.cfg.Limits.MaxDepth)
	return body, doc, err
}
