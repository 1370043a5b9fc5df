package keystore_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/keystore"
)

// writerEnv names the keystore that this program fills until it is killed.
const writerEnv = "KEYSTORE_TEST_WRITER"

func TestMain(m *testing.M) {
	if p := os.Getenv(writerEnv); p != "" {
		writeUntilKilled(p)
	}
	goleak.VerifyTestMain(m)
}

func writeUntilKilled(p string) {
	s, err := keystore.Open(p, func() time.Time { return start })
	for err == nil {
		var secret keystore.Secret
		if secret, err = s.Add(context.Background(), user()); err == nil {
			fmt.Println(secret.Reveal())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	here := open(t, p, c)
	mine := add(t, here, user())
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+p)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told []keystore.Secret
	for in := bufio.NewScanner(out); in.Scan(); {
		told = append(told, keystore.Secret(in.Text()))
		if len(told) == 20 {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	// The kernel dropped the lock of the dead, so this does not block.
	after := add(t, here, user())
	for _, s := range []*keystore.Store{here, open(t, p, c)} {
		for _, secret := range append(told, mine, after) {
			// A pipe may end in half a line.
			if len(secret.Reveal()) == len(mine.Reveal()) {
				wantKnown(t, s, secret)
			}
		}
	}
}

func TestALockedFileIsWaitedForUntilTheDeadline(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	s := open(t, p, c)
	secret := add(t, s, user())
	other := flock.New(p + ".lock")
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Add(ctx, user())
	wantCode(t, err, domain.CodeNotNow)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	wantKnown(t, s, secret)
	wantKnown(t, open(t, p, c), secret)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	add(t, s, user())
}

func TestExpiredTokensAreDropped(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	fill(t, p, 1100)
	s, other := open(t, p, c), open(t, p, c)
	mine := add(t, s, user())
	revoked := add(t, s, user())
	if err := s.Revoke(t.Context(), wantKnown(t, s, revoked).ID); err != nil {
		t.Fatal(err)
	}
	wantCount(t, other, 1102)

	c.Add(30 * time.Hour)
	swept := open(t, p, c)
	for _, s := range []*keystore.Store{swept, s, other} {
		wantCount(t, s, 2)
		wantKnown(t, s, mine)
		wantRefused(t, s, revoked, domain.CodeTokenRevoked)
	}
	more := add(t, other, user())
	wantKnown(t, swept, more)
	if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("written anew as %v, %v", info.Mode(), err)
	}
}

func TestALongLivingNodeSweepsToo(t *testing.T) {
	t.Parallel()
	p, c := path(t), newClock()
	s := open(t, p, c)
	fill(t, p, 1100)
	c.Add(30 * time.Hour)
	secret := add(t, s, user())
	wantCount(t, s, 1)
	wantKnown(t, s, secret)
}

func wantCount(t *testing.T, s *keystore.Store, n int) {
	t.Helper()
	tokens, err := s.Tokens(t.Context())
	if err != nil || len(tokens) != n {
		t.Fatalf("%d tokens, %v; want %d", len(tokens), err, n)
	}
}

// fill writes tokens as another node would have, without the syncs.
func fill(t *testing.T, path string, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(f)
	for i := range n {
		token := until(start.Add(time.Hour))
		token.ID, token.CreatedAt = uuid.New(), start
		raw, err := json.Marshal(token)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]any{}
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		fields["sha256"] = strings.Repeat("0", 60) + fmt.Sprintf("%04x", i)
		if err := enc.Encode(map[string]any{"add": fields}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
