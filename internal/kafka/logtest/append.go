package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

func appendOrder(f *fixture) {
	l := f.open()
	var want []string
	var positions []domain.Position
	for i := range 3 {
		batch := []journal.Message{message(1, fmt.Sprint(i, "a")), message(1, fmt.Sprint(i, "b"))}
		got, err := l.Append(f.ctx, batch)
		f.must(err)
		positions = append(positions, got...)
		want = append(want, fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
	}
	for i, r := range f.read(l, 1, 1, len(want)) {
		m := message(1, want[i])
		if string(r.Value) != want[i] || !bytes.Equal(r.Key, m.Key) || r.Position != positions[i] {
			f.t.Fatalf("record %d is %q %q at %s, want %q at %s", i, r.Key, r.Value, r.Position, want[i], positions[i])
		}
		if len(r.Headers) != 1 || r.Headers[0].Key != m.Headers[0].Key || !bytes.Equal(r.Headers[0].Value, m.Headers[0].Value) {
			f.t.Fatalf("record %d has headers %v", i, r.Headers)
		}
	}
	ends, err := l.Ends(f.ctx)
	f.must(err)
	if ends[1] != 7 || ends[0] != 1 || len(ends) != partitions {
		f.t.Fatalf("ends are %v", ends)
	}
}

func appendTogether(f *fixture) {
	const writers, each = 40, 3
	l := f.open()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			var batch []journal.Message
			for i := range each {
				batch = append(batch, message(2, fmt.Sprint(w, " ", i)))
			}
			got, err := l.Append(f.ctx, batch)
			if err != nil || len(got) != each || got[each-1].Offset != got[0].Offset+each-1 {
				f.t.Errorf("append of writer %d: %v, %v", w, got, err)
			}
		})
	}
	wg.Wait()
	records := f.read(l, 2, 1, writers*each)
	for i := 0; i < len(records); i += each {
		who, _, _ := strings.Cut(string(records[i].Value), " ")
		for j := range each {
			if got := string(records[i+j].Value); got != fmt.Sprint(who, " ", j) {
				f.t.Fatalf("record %d is %q inside the append of %s", i+j, got, who)
			}
		}
	}
}

func appendTwice(f *fixture) {
	l := f.open()
	for range 2 {
		_, err := l.Append(f.ctx, []journal.Message{message(0, "same")})
		f.must(err)
	}
	if got := f.read(l, 0, 1, 2); !bytes.Equal(got[0].Value, got[1].Value) || got[0].Position == got[1].Position {
		f.t.Fatalf("records are %v", got)
	}
}

func appendRefuses(f *fixture) {
	l := f.open()
	big := message(0, strings.Repeat("x", 1<<20))
	_, err := l.Append(f.ctx, []journal.Message{message(0, "before"), big})
	if domain.CodeOf(err) != domain.CodeTooLarge {
		f.t.Fatalf("a record over 1 MiB: %v", err)
	}
	moved := message(0, "x")
	moved.Partition = 1
	if _, err := l.Append(f.ctx, []journal.Message{moved}); err == nil {
		f.t.Fatal("a key was appended to another key's partition")
	}
	if _, err := l.Append(f.ctx, []journal.Message{message(0, "x"), message(1, "y")}); err == nil {
		f.t.Fatal("one append went to two partitions")
	}
	if got, err := l.Append(f.ctx, nil); got != nil || err != nil {
		f.t.Fatalf("nothing appended: %v, %v", got, err)
	}
	ends, err := l.Ends(f.ctx)
	f.must(err)
	if ends[0] != 1 || ends[1] != 1 {
		f.t.Fatalf("refused appends wrote: %v", ends)
	}
}

func appendCancelled(f *fixture) {
	l := f.open()
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, err := l.Append(ctx, []journal.Message{message(0, "late")}); err != nil && !errors.Is(err, context.Canceled) {
		f.t.Fatalf("cancelled append: %v", err)
	}
	_, err := l.Append(f.ctx, []journal.Message{message(0, "next")})
	f.must(err)
}

// outage: append ends with an error by itself, reading goes on afterwards.
func outage(f *fixture, c Cluster) {
	l := f.open()
	_, err := l.Append(f.ctx, []journal.Message{message(0, "before")})
	f.must(err)
	r := f.reader(l, 0, 1)
	got, err := r.Next(f.ctx, 10, 1<<20)
	f.must(err)
	if string(got[0].Value) != "before" {
		f.t.Fatalf("read %q", got[0].Value)
	}
	_ = f.admin.Close()
	restart := c.Stop()
	_, err = l.Append(f.ctx, []journal.Message{message(0, "away")})
	if err == nil || f.ctx.Err() != nil {
		f.t.Fatalf("append without brokers: %v, %v", err, f.ctx.Err())
	}
	restart()
	f.eventually("append after the outage", func() bool {
		_, err := l.Append(f.ctx, []journal.Message{message(0, "after")})
		return err == nil
	})
	for {
		got, err := r.Next(f.ctx, 10, 1<<20)
		f.must(err)
		if string(got[len(got)-1].Value) == "after" {
			return
		}
	}
}
