package dispatch

import (
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// joint is the commit that one command comes to, or several of one principal that
// were decided one after another: a commit costs the same whatever is in it.
type joint struct {
	// first is the index in the batch of the command that the commit names; the others
	// are in joined, which the commit ends with.
	first  int
	commit journal.Commit
	joined []journal.Joined
	blobs  []value.Blob
	load   load
	// packed is nil until nothing joins it any more; err is why it cannot be.
	packed *journal.Packed
	err    error
	// traced says that it carries the trace of one of its commands.
	traced bool
}

// load is what a commit takes of its limits.
type load struct {
	// described is about how many bytes of JSON it has, brought how many ride in its
	// headers, items how many of its things bear numbers.
	described, brought, items int
}

// The bounds of a commit that several commands share are so far below those of the
// format that none fails for the others.
const (
	sharedJSON  = journal.MaxCommitJSON / 2
	sharedItems = domain.MaxItems / 2
)

func (l load) plus(o load) load {
	return load{l.described + o.described, l.brought + o.brought, l.items + o.items}
}

func (l load) mayShare() bool {
	return l.described <= sharedJSON && l.brought <= journal.MaxHeaderBytes && l.items <= sharedItems
}

// joins says whether the command may share a commit with others. Those of an agent's
// steps do, which come in numbers; none of them has a time of its own.
func (r *Request) joins() bool {
	switch r.Workflow.(type) {
	case *workflow.PutCheckpoint, *workflow.PutWrites, *workflow.SaveCheckpoint, *workflow.RecordWrites:
		return r.At.IsZero()
	}
	return false
}

func loadOf(c journal.Commit, blobs []value.Blob, writes int) load {
	const event, need, command = 64, 70, 256
	l := load{described: command + need*len(c.Needs), items: len(c.Events) + writes}
	for _, e := range c.Events {
		l.described += event + len(e.Data)
	}
	for _, b := range blobs {
		l.brought += journal.HeaderSize(b)
	}
	return l
}

// takes says whether the events of another command fit.
func (j *joint) takes(c journal.Commit, l load) bool {
	return j != nil && c.Time.Equal(j.commit.Time) && c.Principal.Equal(j.commit.Principal) && j.load.plus(l).mayShare()
}

// add makes the events of another command part of the commit. Bytes that ride in its
// headers are not among those that it needs.
func (j *joint) add(c journal.Commit, blobs []value.Blob, l load) {
	j.joined = append(j.joined, journal.Joined{CommandRef: c.Command, First: len(j.commit.Events)})
	j.commit.Events = append(j.commit.Events, c.Events...)
	for _, a := range c.Needs {
		if !slices.Contains(j.commit.Needs, a) && !slices.ContainsFunc(j.blobs, func(b value.Blob) bool { return b.Address == a }) {
			j.commit.Needs = append(j.commit.Needs, a)
		}
	}
	j.blobs, j.load = append(j.blobs, blobs...), j.load.plus(l)
}

// put makes what a command came to part of the commit under way, or begins another.
func (s *session) put(r *Request, index int, c journal.Commit, blobs []value.Blob, d *decided) {
	l := loadOf(c, blobs, d.writes)
	mayJoin := r.joins() && l.mayShare()
	if mayJoin && s.open.takes(c, l) {
		d.in, d.item = s.open, len(s.open.commit.Events)+d.item
		s.open.add(c, blobs, l)
		return
	}
	s.close()
	d.in = &joint{first: index, commit: c, blobs: blobs, load: l}
	if s.open = d.in; !mayJoin {
		s.close()
	}
}

// close packs the commit under way: the next one follows on it.
func (s *session) close() {
	j := s.open
	if s.open = nil; j == nil {
		return
	}
	if j.err = s.pack(j); j.err != nil {
		s.ghost = true
	}
}

func (s *session) pack(j *joint) error {
	j.commit.Parent = s.head
	if len(j.joined) > 0 {
		e := workflow.CommandsJoined{Commands: j.joined}
		if err := add(&j.commit, e.EventType(), e, nil, nil); err != nil {
			return err
		}
	}
	packed, err := journal.Pack(j.commit, j.blobs, s.partitions)
	if err != nil {
		return err
	}
	j.packed, s.head, s.time = &packed, packed.Hash, j.commit.Time
	return nil
}

// settle packs what is under way at the end of a batch. A command whose commit cannot
// be packed is refused.
func (s *session) settle(outcomes []decided) {
	s.close()
	for i := range outcomes {
		if o := &outcomes[i]; o.in != nil && o.in.err != nil {
			o.err, o.in = o.in.err, nil
		}
	}
}
