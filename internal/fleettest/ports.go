package fleettest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports are handed out below the range that the kernel takes for itself, so
// that one stays free while the process that had it is started again. Packages
// are tested at the same time: a test process holds the first port of each of
// its blocks for as long as it lives, and no other hands out the rest of it.
// Without that, a client meets another package's node while its own is down.
const (
	firstPort = 10000
	blocks    = 80
	blockSize = 100
)

var ports struct {
	sync.Mutex
	next, end int
	guards    []net.Listener
}

// Address is a loopback address that nobody listens on.
func Address(tb testing.TB) string {
	tb.Helper()
	ports.Lock()
	defer ports.Unlock()
	for range 10 * blockSize {
		if ports.next == ports.end {
			takeBlock(tb)
		}
		port := ports.next
		ports.next++
		if l := listen(port); l != nil {
			_ = l.Close()
			return loopback(port)
		}
	}
	tb.Fatal("no free port")
	return ""
}

func takeBlock(tb testing.TB) {
	tb.Helper()
	for _, block := range rand.Perm(blocks) {
		first := firstPort + block*blockSize
		if l := listen(first); l != nil {
			ports.guards = append(ports.guards, l)
			ports.next, ports.end = first+1, first+blockSize
			return
		}
	}
	tb.Fatal("every block of ports is taken")
}

func listen(port int) net.Listener {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return nil
	}
	return l
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
