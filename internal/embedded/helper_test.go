package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/duolog/duolog/internal/embedded"
)

const (
	helperRole = "EMBEDDED_TEST_HELPER"
	helperDir  = "EMBEDDED_TEST_DIR"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(helperRole); role != "" {
		os.Exit(help(role, os.Getenv(helperDir)))
	}
	// Sarama's metrics keep one goroutine for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// help is what this test binary does as another process: it takes something, says so, and holds it
// until it is killed or its input ends.
func help(role, dir string) int {
	var err error
	answer := "held"
	switch role {
	case "lock":
		_, err = embedded.Lock(dir)
	case "postgres":
		var p *embedded.Postgres
		if p, err = embedded.StartPostgres(context.Background(), embedded.PostgresConfig{Dir: dir}); err == nil {
			answer = p.URL("postgres")
		}
	}
	if err != nil {
		answer = "error: " + err.Error()
	}
	fmt.Println(answer)
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return 0
}

// startHelper runs help in another process and returns it with its answer.
func startHelper(t *testing.T, role, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperRole+"="+role, helperDir+"="+dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill9(cmd) })
	answer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(answer, "error: ") {
		t.Fatalf("helper %s: %q, %v", role, answer, err)
	}
	return cmd, strings.TrimSpace(answer)
}

func kill9(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
