//go:build pprof

package main

import (
	"net"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // only in builds that are made to be profiled
	"os"
	"runtime"
)

// init serves profiles on a unix socket, in builds with the tag pprof alone.
func init() { //nolint:gochecknoinits // keeps profiling out of every other build
	path := os.Getenv("DUOLOG_PPROF")
	if path == "" {
		return
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	runtime.SetBlockProfileRate(100_000)
	go http.Serve(listener, nil) //nolint:errcheck,gosec // ends with the process
}
