package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Machine is what the numbers depend on. What cannot be found out stays empty.
type Machine struct {
	Cores    int
	FsyncP50 float64
	FsyncP99 float64
	Load     string
	Go       string
	Postgres string
	Broker   string
	Client   string
	Commit   string
}

// Describe looks at the machine, at the disk under dir and the database server.
func Describe(ctx context.Context, dir, database string, now func() time.Time) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Commit: commit(ctx)}
	m.FsyncP50, m.FsyncP99 = fsyncs(filepath.Join(dir, "fsync"), now)
	if conn, err := pgx.Connect(ctx, database); err == nil {
		_ = conn.QueryRow(ctx, `SHOW server_version`).Scan(&m.Postgres)
		_ = conn.Close(ctx)
	}
	m.Broker, m.Client = module("github.com/twmb/franz-go/pkg/kfake"), module("github.com/IBM/sarama")
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	return m
}

// String is the head of a report.
func (m Machine) String() string {
	return fmt.Sprintf("%d cores   fsync p50 %.2f ms, p99 %.2f ms   load average before %s\n%s   Postgres %s   broker kfake %s, every write synced   sarama %s   commit %s",
		m.Cores, m.FsyncP50, m.FsyncP99, m.Load, m.Go, m.Postgres, m.Broker, m.Client, m.Commit)
}

// module is the version of a dependency.
func module(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return ""
}

// commit is what the working directory is at, with a plus where it differs.
func commit(ctx context.Context) string {
	id, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	out := strings.TrimSpace(string(id))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err == nil && len(changed) > 0 {
		out += "+"
	}
	return out
}

// fsyncs is how long it takes until 4 KB are on disk, in milliseconds.
func fsyncs(path string, now func() time.Time) (p50, p99 float64) {
	const times = 400
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
