package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kfake"
)

const anyLoopback = "127.0.0.1:0"

// BrokerConfig says where the embedded broker listens and keeps its log. The zero value is a broker in
// memory on any free port.
type BrokerConfig struct {
	// Dir holds the log. Empty keeps it in memory: everything is gone when the broker closes.
	Dir string
	// Addr is host:port to listen on and to announce to clients; port 0 takes a free one. Clients must
	// be able to connect to the host as written, so 0.0.0.0 is refused. Default 127.0.0.1:0.
	Addr string
	// Logger receives the broker's warnings and errors. Default: discarded.
	Logger *slog.Logger
}

// Validate reports an address that clients could not use.
func (c BrokerConfig) Validate() error {
	if c.Addr == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("embedded broker address %q: want host:port: %w", c.Addr, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("embedded broker address %q: name the host that clients connect to, such as 127.0.0.1", c.Addr)
	}
	return nil
}

// Broker is a running embedded broker. One node, no topics of its own making.
type Broker struct {
	dir     string
	lock    *DirLock // nil in memory
	cluster *kfake.Cluster
}

// StartBroker opens the log in cfg.Dir and serves it until Close. It returns an *InUseError when
// another process serves that directory: two would overwrite each other's segments.
func StartBroker(ctx context.Context, cfg BrokerConfig) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := &Broker{dir: cfg.Dir}
	if cfg.Dir != "" {
		lock, err := lockFile(cfg.Dir, "broker.lock")
		if err != nil {
			return nil, err
		}
		b.lock = lock
	}
	cluster, err := kfake.NewCluster(brokerOptions(ctx, cfg)...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded broker on %s: %w", cmp.Or(cfg.Addr, anyLoopback), err), b.unlock())
	}
	b.cluster = cluster
	if cfg.Dir != "" {
		refuseWhenFull(cluster, cfg.Dir)
	}
	return b, nil
}

func brokerOptions(ctx context.Context, cfg BrokerConfig) []kfake.Opt {
	addr := cmp.Or(cfg.Addr, anyLoopback)
	logger := cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, network, addr)
		}),
		kfake.WithLogger(&brokerLogger{ctx: context.WithoutCancel(ctx), logger: logger}),
		kfake.BrokerConfigs(brokerSettings()),
	}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir), kfake.SyncWrites())
	}
	return opts
}

// brokerSettings keeps every record for ever, also of topics made without a retention of their own,
// and committed offsets for ten years: a group whose offsets expired over a long holiday would read
// its topic from the start again.
func brokerSettings() map[string]string {
	return map[string]string{
		"log.retention.ms":          "-1",
		"log.retention.bytes":       "-1",
		"offsets.retention.minutes": "5256000",
	}
}

// Addrs returns the addresses clients bootstrap from.
func (b *Broker) Addrs() []string {
	return b.cluster.ListenAddrs()
}

// Cluster gives tests kfake's own handle, to inject faults.
func (b *Broker) Cluster() *kfake.Cluster {
	return b.cluster
}

// LogBytes returns what the log takes on disk, 0 for a broker in memory. Starting reads all of it into
// about 1.4 times as much memory, so callers warn as it grows.
func (b *Broker) LogBytes() (int64, error) {
	if b.dir == "" {
		return 0, nil
	}
	var total int64
	err := filepath.WalkDir(b.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreNotExist(err)
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreNotExist(err)
		}
		total += info.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure log %s: %w", b.dir, err)
	}
	return total, nil
}

// ignoreNotExist forgives files that the broker replaced while they were counted.
func ignoreNotExist(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Close stops serving, writes what a clean stop adds to the log, and gives the directory back.
// Acknowledged records do not depend on it. Closing twice is harmless.
func (b *Broker) Close() error {
	b.cluster.Close()
	return b.unlock()
}

func (b *Broker) unlock() error {
	if b.lock == nil {
		return nil
	}
	return b.lock.Close()
}
