// Command webhook-receiver is an example of who is told by a hook of Duolog: it
// verifies each message, takes each once, and prints it.
//
//	go run ./examples/webhook-receiver -secret-file .duolog/hook.secret
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // this is main
	now := time.Now                                                                        //nolint:forbidigo // this is main
	err := run(ctx, os.Args[1:], os.Stdout, now)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "webhook-receiver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer, now func() time.Time) error {
	flags := flag.NewFlagSet("webhook-receiver", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:9099", "where to listen")
	secret := flags.String("secret-file", ".duolog/hook.secret", "the key that messages are signed with: whsec_…, or whpk_… for whsk_…")
	seen := flags.String("seen", "webhook-ids", "the file that remembers which messages were taken")
	if err := flags.Parse(args); err != nil {
		return err
	}
	raw, err := os.ReadFile(*secret)
	if err != nil {
		return err
	}
	key, err := standard.ParseKey(strings.TrimSpace(string(raw)))
	if err != nil {
		return fmt.Errorf("the key in %s: %w", *secret, err)
	}
	r, err := open(*seen, out, now, key)
	if err != nil {
		return err
	}
	defer r.close()
	return serve(ctx, *listen, r, out)
}

func serve(ctx context.Context, address string, r *receiver, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "listening on", l.Addr())
	server := &http.Server{Handler: r, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
