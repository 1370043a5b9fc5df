package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// machine is what the numbers depend on.
type machine struct {
	Cores    int
	FsyncP50 float64
	FsyncP99 float64
	Go       string
	Postgres string
	Sarama   string
	Load     string
}

// describe looks at the machine. What it cannot find out stays empty.
func describe(ctx context.Context, dir string, p *product, now func() time.Time) machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	m.FsyncP50, m.FsyncP99 = fsyncs(filepath.Join(dir, "fsync"), now)
	if conn, err := pgx.Connect(ctx, p.Database); err == nil {
		_ = conn.QueryRow(ctx, `SHOW server_version`).Scan(&m.Postgres)
		_ = conn.Close(ctx)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/IBM/sarama" {
				m.Sarama = dep.Version
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(b))[:1], "")
	}
	return m
}

// fsyncs is how long it takes until 4 KB are on disk, in milliseconds.
func fsyncs(path string, now func() time.Time) (p50, p99 float64) {
	const times = 200
	f, err := os.Create(path) //nolint:gosec // in our own directory
	if err != nil {
		return 0, 0
	}
	defer f.Close() //nolint:errcheck // nothing in it is wanted
	page := []byte(strings.Repeat("x", 4096))
	took := make([]float64, times)
	for i := range took {
		began := now()
		if _, err := f.Write(page); err != nil {
			return 0, 0
		}
		if err := f.Sync(); err != nil {
			return 0, 0
		}
		took[i] = float64(now().Sub(began)) / float64(time.Millisecond)
	}
	slices.Sort(took)
	return took[times/2], took[times*99/100]
}
