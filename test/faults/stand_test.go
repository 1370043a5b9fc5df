//go:build faults

package faults_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/fleettest"
)

// stand is a log and a database behind links, and nodes over them.
type stand struct {
	*fleettest.Fleet

	t *testing.T
	// cluster is the broker, nil where it is not ours.
	cluster         *kfake.Cluster
	kafka, postgres *link
	nodes           []*fleettest.Node
	front           string
}

// checkEvery is how often nodes look at the log here.
const checkEvery = "300ms"

// newStand has an empty log of four partitions in a broker of the test's own. more
// are lines of configuration.
func newStand(t *testing.T, more string) *stand {
	t.Helper()
	return newStandOf(t, 4, more)
}

func newStandOf(t *testing.T, partitions int, more string) *stand {
	t.Helper()
	at, public := fleettest.Address(t), fleettest.Address(t)
	s := newStandOn(t, public, more)
	s.startBroker(at)
	s.kafka = newLink(t, "kafka", public, at)
	s.initLog(partitions, 1)
	return s
}

// newStandOn has brokers that are there, and a database behind a link. The log is
// not made yet.
func newStandOn(t *testing.T, brokers, more string) *stand {
	t.Helper()
	dir := t.TempDir()
	f := &fleettest.Fleet{
		TB: t, Dir: dir, Brokers: brokers, Token: "a-token-of-mia-0123456789",
		Repository: fleettest.Repository(t, dir), Agent: fleettest.NewAgent(t, dir, 0),
	}
	s := &stand{Fleet: f, t: t}
	f.Postgres = embeddedtest.OwnPostgres(t)
	fleettest.OK(t, f.Postgres.EnsureDatabase(t.Context(), "duolog"))
	f.Database = s.throughLink(f.Postgres.URL("duolog"))
	fleettest.Write(t, f.Token+"\n", dir, "token")
	f.Config = f.Write("duolog.yaml", "log_check: "+checkEvery+"\n"+more)
	return s
}

func (s *stand) brokers() []string { return strings.Split(s.Brokers, ",") }

func (s *stand) initLog(partitions, replication int) {
	s.t.Helper()
	if r := s.Tool("journal", "init", "--partitions", strconv.Itoa(partitions), "--replication", strconv.Itoa(replication)); r.Code != 0 {
		s.t.Fatalf("journal init: %s%s", r.Out, r.Err)
	}
}

func (s *stand) throughLink(address string) string {
	s.t.Helper()
	u, err := url.Parse(address)
	fleettest.OK(s.t, err)
	if s.postgres == nil {
		s.postgres = newLink(s.t, "postgres", fleettest.Address(s.t), u.Host)
	}
	u.Host = s.postgres.proxy.Listen
	return u.String()
}

// advertised listens at one address and names another, which is what the broker
// tells its clients.
type advertised struct {
	net.Listener

	public net.Addr
}

func (a advertised) Addr() net.Addr { return a.public }

func (s *stand) startBroker(at string) {
	s.t.Helper()
	public, err := net.ResolveTCPAddr("tcp", s.Brokers)
	fleettest.OK(s.t, err)
	s.cluster, err = kfake.NewCluster(
		kfake.NumBrokers(1), kfake.DataDir(filepath.Join(s.Dir, "log")), kfake.SyncWrites(),
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1", "log.retention.bytes": "-1"}),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			l, err := net.Listen(network, at)
			return advertised{l, public}, err
		}),
	)
	fleettest.OK(s.t, err)
	s.t.Cleanup(s.cluster.Close)
}

// start starts so many nodes behind round-robin.
func (s *stand) start(n int) {
	s.t.Helper()
	var addresses []string
	for i := range n {
		node := s.Node(string(rune('a'+i)), "")
		s.nodes, addresses = append(s.nodes, node), append(addresses, node.API)
	}
	s.front = fleettest.RoundRobin(s.t, addresses...)
	for _, node := range s.nodes {
		node.Start()
	}
}

// stopNodes ends all nodes in order.
func (s *stand) stopNodes() {
	s.t.Helper()
	for _, n := range s.nodes {
		fleettest.OK(s.t, n.Proc.Cmd.Process.Signal(interrupt))
		if code := n.Proc.Await(s.t, 40*time.Second); code != 0 {
			s.t.Errorf("node %s ended with code %d: %s", n.Name, code, n.Proc.Err.String())
		}
	}
}

func (s *stand) startNodes() {
	s.t.Helper()
	for _, n := range s.nodes {
		n.Start()
	}
}

// goroutines is how many all nodes have: who owns a partition changes, the sum
// does not.
func (s *stand) goroutines() (sum int) {
	s.t.Helper()
	for _, n := range s.nodes {
		sum += int(metric(s.t, n, "go_goroutines"))
	}
	return sum
}

// metric reads one figure of a node.
func metric(t *testing.T, n *fleettest.Node, name string) float64 {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + n.API + "/metrics")
	fleettest.OK(t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	fleettest.OK(t, err)
	for line := range strings.Lines(string(answer)) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			fleettest.OK(t, err)
			return v
		}
	}
	t.Fatalf("%s has no metric %s", n.Name, name)
	return 0
}

// ready waits until every node is ready.
func (s *stand) ready() {
	s.t.Helper()
	fleettest.Eventually(s.t, recovery, func() error {
		for _, n := range s.nodes {
			if !n.Proc.Alive() {
				return fleettest.FinalError{Err: fmt.Errorf("node %s ended: %s", n.Name, n.Proc.Err.String())}
			}
			if err := fleettest.Answers("http://" + n.API + "/readyz"); err != nil {
				return fmt.Errorf("node %s: %w", n.Name, err)
			}
		}
		return nil
	})
}

// calm waits until every node is ready and they have no more goroutines than
// before.
func (s *stand) calm(before int) {
	s.t.Helper()
	s.ready()
	const noise = 60 // connections of pools and requests come and go
	var now int
	defer func() {
		if now > before+noise {
			s.t.Log(stacks(s.nodes[0]))
		}
	}()
	fleettest.Eventually(s.t, recovery, func() error {
		if now = s.goroutines(); now > before+noise {
			return fmt.Errorf("the nodes have %d goroutines, they had %d", now, before)
		}
		return nil
	})
}

// stacks ends a node and counts what its goroutines do.
func stacks(n *fleettest.Node) string {
	_ = n.Proc.Cmd.Process.Signal(syscall.SIGQUIT)
	<-n.Proc.Ended
	count := map[string]int{}
	for g := range strings.SplitSeq(n.Proc.Err.String(), "\n\ngoroutine ") {
		if _, by, ok := strings.Cut(g, "created by "); ok {
			name, _, _ := strings.Cut(by, " in goroutine")
			count[strings.TrimSpace(name)]++
		}
	}
	var out strings.Builder
	for _, name := range slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Compare(count[b], count[a]) }) {
		fmt.Fprintf(&out, "%4d %s\n", count[name], name)
	}
	return out.String()
}

// lasting lets a fault last.
func lasting(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
