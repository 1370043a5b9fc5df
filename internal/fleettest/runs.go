package fleettest

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// EngineRun is a run directory of the local engine: who watches over the run
// and who does it, 0 for nobody yet, and whether it is over.
type EngineRun struct {
	Supervisor, Program int
	Over                bool
}

// RunsIn are the runs that a state directory knows.
func RunsIn(state string) []EngineRun {
	claims, _ := filepath.Glob(filepath.Join(state, "runs", "*", "claim"))
	var out []EngineRun
	for _, c := range claims {
		_, err := os.Stat(filepath.Join(filepath.Dir(c), "exit.json"))
		out = append(out, EngineRun{pidIn(c), pidIn(filepath.Join(filepath.Dir(c), "pid")), err == nil})
	}
	return out
}

func pidIn(file string) int {
	var p struct {
		PID int `json:"pid"`
	}
	b, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(b, &p) != nil {
		return 0
	}
	return p.PID
}

// Gone waits until the process has ended. A zombie has: whoever adopts it in a
// container may never reap it.
func Gone(tb testing.TB, pid int) {
	tb.Helper()
	Eventually(tb, 15*time.Second, func() error {
		out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
		if state := strings.TrimSpace(string(out)); state != "" && !strings.HasPrefix(state, "Z") {
			return errors.New("process " + strconv.Itoa(pid) + " is in state " + state)
		}
		return nil
	})
}

// End kills what runs of the local engine in a state directory.
func End(state string) {
	for _, r := range RunsIn(state) {
		if r.Over {
			continue // its number may be another's by now
		}
		for _, group := range []int{r.Supervisor, r.Program} {
			if group > 0 {
				_ = syscall.Kill(-group, syscall.SIGKILL)
			}
		}
	}
}
