package e2e_test

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

// engineRun is a run directory of the local engine: who watches over the run
// and who does it, 0 for nobody yet, and whether it is over.
type engineRun struct {
	supervisor, program int
	over                bool
}

func (d *dev) runs() []engineRun { return runsIn(d.state) }

func runsIn(state string) []engineRun {
	claims, _ := filepath.Glob(filepath.Join(state, "runs", "*", "claim"))
	var out []engineRun
	for _, c := range claims {
		_, err := os.Stat(filepath.Join(filepath.Dir(c), "exit.json"))
		out = append(out, engineRun{pidIn(c), pidIn(filepath.Join(filepath.Dir(c), "pid")), err == nil})
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

// running waits for the one run that is not over, and its program.
func (d *dev) running() engineRun {
	d.tb.Helper()
	var found engineRun
	eventually(d.tb, 20*time.Second, func() error {
		for _, r := range d.runs() {
			if !r.over && r.program > 0 {
				found = r
				return nil
			}
		}
		return errors.New("no program runs")
	})
	return found
}

// gone waits until the process has ended. A zombie has: whoever adopts it in a
// container may never reap it.
func gone(tb testing.TB, pid int) {
	tb.Helper()
	eventually(tb, 15*time.Second, func() error {
		out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
		if state := strings.TrimSpace(string(out)); state != "" && !strings.HasPrefix(state, "Z") {
			return errors.New("process " + strconv.Itoa(pid) + " is in state " + state)
		}
		return nil
	})
}

// end kills what runs of the local engine in a state directory.
func end(state string) {
	for _, r := range runsIn(state) {
		if r.over {
			continue // its number may be another's by now
		}
		for _, group := range []int{r.supervisor, r.program} {
			if group > 0 {
				_ = syscall.Kill(-group, syscall.SIGKILL)
			}
		}
	}
}
