package e2e_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestCompletion: each shell that is installed completes with the script that it is
// given.
func TestCompletion(t *testing.T) {
	t.Parallel()
	want := []string{"drop", "rebuild", "status", "verify"} // each shell has an order of its own
	for shell, script := range map[string]string{
		"bash": `eval "$(duolog completion bash)"; COMP_WORDS=(duolog projection ""); COMP_CWORD=2; _duolog; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh":  `compdef() { : }; eval "$(duolog completion zsh)"; _describe() { print -l -- "${(@)${(@P)2}%%:*}" }; words=(duolog projection ""); CURRENT=3; _duolog`,
		"fish": `duolog completion fish | source; complete -C "duolog projection " | string split -f 1 \t`,
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed", shell)
			}
			c := exec.Command(shell, "-c", script)
			c.Env = append(fleettest.CleanEnv(), "PATH="+filepath.Dir(fleettest.Duolog(t))+":/usr/bin:/bin")
			out, err := c.CombinedOutput()
			if got := slices.Sorted(strings.FieldsSeq(string(out))); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v: it offers %q, want %q", err, got, want)
			}
		})
	}
}
