package main

import (
	"fmt"
	"sync"
	"time"
)

// meter shows a person how far a replay is: a line on a terminal that is written over,
// nothing anywhere else. It may be told from several partitions at once.
type meter struct {
	app   app
	total int64
	shown bool

	mu    sync.Mutex
	began time.Time
	last  time.Time
	done  map[int32]int64
}

// meterEvery is how often the line changes.
const meterEvery = 200 * time.Millisecond

func newMeter(a app, ends map[int32]int64) *meter {
	m := &meter{app: a, shown: onTerminal(a.err), began: a.now(), done: map[int32]int64{}}
	for _, end := range ends {
		m.total += end
	}
	return m
}

// advance is told of each batch.
func (m *meter) advance(partition int32, next, _ int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[partition] = next
	if now := m.app.now(); m.shown && now.Sub(m.last) >= meterEvery {
		m.last = now
		_, _ = fmt.Fprint(m.app.err, overwrite+m.line(now))
	}
}

// say shows what is waited for.
func (m *meter) say(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown {
		_, _ = fmt.Fprint(m.app.err, overwrite+clipText(text, 120))
	}
}

// end takes the line away.
func (m *meter) end() { m.say("") }

// overwrite goes to the beginning of the line and empties it.
const overwrite = "\r\x1b[K"

func (m *meter) line(now time.Time) string {
	var sum int64
	for _, n := range m.done {
		sum += n
	}
	text := fmt.Sprintf("%d of %d records, %d %%", sum, m.total, 100*sum/max(m.total, 1))
	passed := now.Sub(m.began)
	if sum == 0 || passed < time.Second {
		return text
	}
	left := time.Duration(float64(passed) / float64(sum) * float64(max(0, m.total-sum)))
	return fmt.Sprintf("%s, %.0f records/s, about %s left", text, float64(sum)/passed.Seconds(), max(time.Second, left).Round(time.Second))
}
