package archive

import (
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/strictjson"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// Reader takes the lines of a file one after another and checks all of them. Its
// zero value is ready.
type Reader struct {
	// Header is set by the first line.
	Header *Header

	line    int
	head    journal.Hash
	commits int
	ended   bool
	ahead   []value.Blob
	waiting int
	// known says of bytes that they came, or, with false, that they are gone.
	known   map[value.Address]bool
	decoder workflow.Decoder
}

// Entry is a commit of the file with what it brings.
type Entry struct {
	// N counts from 0.
	N        int
	Position string
	Commit   journal.Commit
	Hash     journal.Hash
	Blobs    []value.Blob
	// Gone are bytes that it names and that were removed.
	Gone []value.Address
}

// Next takes a line. It gives a commit where the line has one, and an invalid_body
// error that names the line where something is wrong.
func (r *Reader) Next(raw []byte) (*Entry, error) {
	r.line++
	var l Line
	if err := strictjson.Unmarshal(raw, &l); err != nil {
		if r.line == 1 {
			return nil, r.wrong("the file does not begin as an export does", "send what duolog workflow export wrote")
		}
		return nil, r.wrong("it cannot be read: "+err.Error(), "export the workflow again")
	}
	switch {
	case r.ended:
		return nil, r.wrong("it comes after the end", "export the workflow again")
	case (r.line == 1) != (l.Header != nil):
		return nil, r.wrong("the first line, and no other, is the header", "send what duolog workflow export wrote")
	case l.Header != nil:
		return nil, r.begin(*l.Header)
	case l.Commit != nil:
		return r.commit(*l.Commit)
	case l.End != nil:
		return nil, r.end(*l.End)
	}
	return nil, r.take(l.Bytes)
}

// Close says whether the file came to its end.
func (r *Reader) Close() error {
	if r.ended {
		return nil
	}
	r.line++
	return r.wrong("the file was cut off: it has no end", "export the workflow again, or send all of the file")
}

// Commits is how many there were so far.
func (r *Reader) Commits() int { return r.commits }

func (r *Reader) wrong(what, fix string) error {
	at := fmt.Sprintf("line %d", r.line)
	return &domain.Error{Code: domain.CodeInvalidBody, Field: at, Message: at + ": " + what, Fix: fix}
}

func (r *Reader) begin(h Header) error {
	switch {
	case h.Format != Format:
		return r.wrong(fmt.Sprintf("the format is %.40q, not %s", h.Format, Format), "send what duolog workflow export wrote")
	case h.Version != Version:
		return r.wrong(fmt.Sprintf("version %d of the format is unknown here", h.Version), "use a newer duolog")
	case h.Stream.Kind != domain.KindWorkflow:
		return r.wrong(h.Stream.String()+" is no workflow", "export a workflow")
	case h.Commits < 1:
		return r.wrong("it says that there are no commits", "export the workflow again")
	}
	r.Header, r.known, r.decoder = &h, map[value.Address]bool{}, workflow.NewDecoder()
	return nil
}

func (r *Reader) take(blobs []Blob) error {
	for _, b := range blobs {
		if r.waiting += len(b.Data); r.waiting > MaxAhead {
			return r.wrong(fmt.Sprintf("more than %d bytes wait for their commit", MaxAhead), "export the workflow again")
		}
		if value.AddressOf(b.Data) != b.Address {
			return r.wrong("the bytes are not "+b.Address.String(), "export the workflow again")
		}
		r.ahead = append(r.ahead, value.Blob{Address: b.Address, Bytes: b.Data})
		r.known[b.Address] = true
	}
	return nil
}

func (r *Reader) commit(c Commit) (*Entry, error) {
	if err := r.take(c.Bytes); err != nil {
		return nil, err
	}
	hash := journal.HashOf([]byte(c.Record))
	if hash != c.Hash {
		return nil, r.wrong("the record is not the one whose hash stands beside it", "export the workflow again")
	}
	commit, err := journal.DecodeCommit([]byte(c.Record))
	switch {
	case err != nil:
		return nil, r.wrong("the record is no commit: "+err.Error(), "export the workflow again")
	case commit.Stream != r.Header.Stream:
		return nil, r.wrong("the record is of "+commit.Stream.String(), "export the workflow again")
	case commit.Parent != r.head:
		return nil, r.wrong("the record does not follow on the one before it", "export the workflow again")
	case r.commits == r.Header.Commits:
		return nil, r.wrong("there are more commits than the header says", "export the workflow again")
	}
	for _, a := range c.Gone {
		if !r.known[a] {
			r.known[a] = false
		}
	}
	e := &Entry{N: r.commits, Position: c.Position, Commit: commit, Hash: hash, Blobs: r.ahead}
	if err := r.complete(e); err != nil {
		return nil, err
	}
	r.head, r.ahead, r.waiting = hash, nil, 0
	r.commits++
	return e, nil
}

// complete checks that all bytes are there that the commit's values stand on.
func (r *Reader) complete(e *Entry) error {
	own := map[value.Address][]byte{}
	for _, b := range e.Blobs {
		own[b.Address] = b.Bytes
	}
	for _, raw := range e.Commit.Events {
		event, err := r.decoder.Decode(raw)
		if err != nil {
			return r.wrong(err.Error(), "use a newer duolog")
		}
		missing, err := Reach(Values(event), func(a value.Address) ([]byte, bool) { b, ok := own[a]; return b, ok })
		if err != nil {
			return r.wrong(err.Error(), "export the workflow again")
		}
		for _, a := range missing {
			here, known := r.known[a]
			if !known {
				return r.wrong("it names bytes "+a.String()+", which are not in the file", "export the workflow again")
			}
			if !here {
				e.Gone = append(e.Gone, a)
			}
		}
	}
	return nil
}

func (r *Reader) end(e End) error {
	switch {
	case r.commits != r.Header.Commits || e.Commits != r.commits:
		return r.wrong(fmt.Sprintf("there are %d commits; the header says %d, the end %d", r.commits, r.Header.Commits, e.Commits), "export the workflow again")
	case r.head != r.Header.Head || r.head != e.Head:
		return r.wrong("the last commit is not the one that header and end name", "export the workflow again")
	}
	r.ended = true
	return nil
}
