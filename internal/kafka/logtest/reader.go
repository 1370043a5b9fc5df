package logtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/kafka"
)

func appendMany(f *fixture, l *kafka.Log, partition int32, n int) {
	f.t.Helper()
	var batch []journal.Message
	for i := range n {
		batch = append(batch, message(partition, fmt.Sprintf("%03d", i)))
	}
	_, err := l.Append(f.ctx, batch)
	f.must(err)
}

func readerLimits(f *fixture) {
	l := f.open()
	appendMany(f, l, 3, 50)
	r := f.reader(l, 3, 11)
	offset := int64(11)
	for offset < 51 {
		got, err := r.Next(f.ctx, 7, 1<<20)
		f.must(err)
		if len(got) > 7 {
			f.t.Fatalf("%d records, at most 7 wanted", len(got))
		}
		for _, record := range got {
			if record.Position != (domain.Position{Partition: 3, Offset: offset}) || string(record.Value) != fmt.Sprintf("%03d", offset-1) {
				f.t.Fatalf("%q at %s, want offset %d", record.Value, record.Position, offset)
			}
			offset++
		}
	}
	small := f.reader(l, 3, 1)
	for i := range int64(5) { // each is bigger than the limit, and comes alone
		got, err := small.Next(f.ctx, 10, 1)
		f.must(err)
		if len(got) != 1 || got[0].Position.Offset != i+1 {
			f.t.Fatalf("%d records from %s", len(got), got[0].Position)
		}
	}
}

func readerWaits(f *fixture) {
	l := f.open()
	r := f.reader(l, 0, 1)
	ctx, cancel := context.WithTimeout(f.ctx, 50*time.Millisecond)
	defer cancel()
	if got, err := r.Next(ctx, 10, 1<<20); !errors.Is(err, context.DeadlineExceeded) {
		f.t.Fatalf("nothing there: %v, %v", got, err)
	}
	appendMany(f, l, 0, 1)
	got, err := r.Next(f.ctx, 10, 1<<20)
	f.must(err)
	if len(got) != 1 || string(got[0].Value) != "000" {
		f.t.Fatalf("read %v", got)
	}
}

func readerOutOfRange(f *fixture) {
	l := f.open()
	for _, from := range []int64{2, 1000, -1, -2} {
		r, err := l.Reader(f.ctx, 0, from)
		if err == nil {
			_ = r.Close()
		}
		f.unsafe(err, "")
	}
	if _, err := l.Reader(f.ctx, partitions, 0); err == nil {
		f.t.Fatal("a partition that is not there was read")
	}
}

func truncatedStart(f *fixture) {
	l := f.open()
	appendMany(f, l, 1, 10)
	behind := f.reader(l, 1, 1)
	_, err := behind.Next(f.ctx, 1, 1<<20)
	f.must(err)
	f.must(f.admin.DeleteRecords(f.cfg.JournalTopic(), map[int32]int64{1: 6}))
	starts, err := l.Starts(f.ctx)
	f.must(err)
	if starts[1] != 6 || starts[0] != 0 {
		f.t.Fatalf("starts are %v", starts)
	}
	_, err = l.Reader(f.ctx, 1, 2)
	f.unsafe(err, "start of the truth was deleted")
	f.must(l.CheckOnce(f.ctx))
	_, err = l.Append(f.ctx, []journal.Message{message(0, "x")})
	if domain.CodeOf(err) != domain.CodeLogUnsafe {
		f.t.Fatalf("append to a truncated log: %v", err)
	}
	_, err = kafka.Open(f.ctx, f.cfg)
	f.unsafe(err, "start of the truth was deleted")
}

func readAt(f *fixture) {
	l := f.open()
	appendMany(f, l, 2, 20)
	got, err := l.ReadAt(f.ctx, domain.Position{Partition: 2, Offset: 13})
	f.must(err)
	if string(got.Value) != "012" || got.Position.Offset != 13 || len(got.Headers) != 1 {
		f.t.Fatalf("read %q at %s", got.Value, got.Position)
	}
	for _, p := range []domain.Position{{Partition: 2, Offset: 21}, {Partition: 2, Offset: 99}, {Partition: 9, Offset: 0}} {
		if _, err := l.ReadAt(f.ctx, p); domain.CodeOf(err) != domain.CodeNotFound {
			f.t.Fatalf("read at %s: %v", p, err)
		}
	}
}
