package fleettest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// ports hands out addresses below the range that the kernel takes for itself,
// so that one stays free while the process that had it is started again.
var ports = struct {
	sync.Mutex
	next int
}{next: 10000 + rand.IntN(8000)}

// Address is a loopback address that nobody listens on.
func Address(tb testing.TB) string {
	tb.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range 100 {
		ports.next++
		at := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.next))
		if l, err := net.Listen("tcp", at); err == nil {
			_ = l.Close()
			return at
		}
	}
	tb.Fatal("no free port")
	return ""
}
