package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFakeGitLabCommand: it says where it listens, its token is of the
// administrator, and the same state directory keeps both.
func TestFakeGitLabCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var tokens []string
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		out, in := io.Pipe()
		ended := make(chan int, 1)
		a := app{out: in, err: io.Discard, getenv: func(string) string { return "" }, now: time.Now}
		go func() {
			ended <- run(ctx, []string{"fake-gitlab", "--listen", "127.0.0.1:0", "--state-dir", dir}, a)
			_ = in.Close()
		}()
		banner, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		address, _, _ := strings.Cut(banner[strings.Index(banner, "http://"):], " ")
		token, err := os.ReadFile(filepath.Join(dir, tokenFile))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, string(token))
		if user := get(t, address+"/api/v4/user", strings.TrimSpace(string(token))); !strings.Contains(user, `"username":"root"`) {
			t.Errorf("comes as %s", user)
		}
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	if tokens[0] != tokens[1] {
		t.Error("each start makes another token")
	}
}

func get(t *testing.T, address, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Private-Token", token)
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
