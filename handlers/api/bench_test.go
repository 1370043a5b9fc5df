package api

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// BenchmarkCheckpointBody reads the body of a checkpoint and cuts it into values:
// all that the API does with it before it is decided.
func BenchmarkCheckpointBody(b *testing.B) {
	s := &Server{cfg: Config{Logger: slog.New(slog.DiscardHandler), Limits: Limits{}.withDefaults()}}
	for name, size := range map[string]int{"2KB": 2000, "20KB": 20000, "1MB": 1 << 20} {
		body := checkpointBody(size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				c := &call{Request: httptest.NewRequest("POST", "/", strings.NewReader(body)), w: httptest.NewRecorder()}
				_, doc, err := s.document(c, s.cfg.Limits.MaxBody)
				if err != nil {
					b.Fatal(err)
				}
				command, err := s.checkpointOf(c, doc)
				if err != nil {
					b.Fatal(err)
				}
				if err := command.Prepare(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// checkpointBody has messages of 1 KB and one channel of its own.
func checkpointBody(size int) string {
	message := fmt.Sprintf(`{"type":"human","content":"%s"}`, strings.Repeat("some text of a message. ", 40))
	ts := uuid.Must(uuid.NewV7())
	return fmt.Sprintf(`{"thread_ts":"%[1]s","parent_ts":null,"metadata":{"source":"loop"},"checkpoint":{"v":4,"id":"%[1]s","channel_values":{"messages":[%s],"step":1},"channel_versions":{}}}`,
		ts, strings.Join(strings.Split(strings.Repeat(message+"\n", size/len(message)), "\n")[:size/len(message)], ","))
}
