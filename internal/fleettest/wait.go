package fleettest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

// Answers says whether an address answers 200.
func Answers(url string) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// OK ends the test at an error.
func OK(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Pass lets time pass, which the process must survive.
func Pass(tb testing.TB, p *Process, d time.Duration) {
	tb.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.Ended:
		tb.Fatalf("it ended: %s", p.Err.String())
	}
}

// FinalError is an error that waiting does not cure.
type FinalError struct{ Err error }

func (f FinalError) Error() string { return f.Err.Error() }

// Eventually tries until there is no error.
func Eventually(tb testing.TB, most time.Duration, try func() error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), most) // also while the test is cleaned up
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		if errors.As(err, &FinalError{}) {
			tb.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("not within %s: %v", most, err)
		}
	}
}
