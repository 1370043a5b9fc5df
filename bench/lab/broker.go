package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/duolog/duolog/internal/embedded"
)

// Broker is a log in a process of its own. It ends with the pipe to its input, so
// that none is left behind.
type Broker struct {
	Address string
	PID     int

	command *exec.Cmd
	input   io.Closer
}

// BrokerCommand is the argument under which this program is a broker: see ServeBroker.
const BrokerCommand = "broker"

// ServeBroker is a broker over a directory until its input ends. It prints where it
// listens.
func ServeBroker(ctx context.Context, dir string, in io.Reader, out io.Writer) error {
	b, err := embedded.StartBroker(ctx, embedded.BrokerConfig{Dir: dir})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, b.Addrs()[0])
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	return errors.Join(err, b.Close())
}

// StartBroker opens the log in dir, with its writes synced, as duolog dev does.
func StartBroker(ctx context.Context, dir string) (*Broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return start(ctx, exec.Command(self, BrokerCommand, dir)) //nolint:gosec,noctx // ourselves; ended by Close, with time to end
}

// ErrNoKafka says that this machine cannot run an Apache Kafka.
var ErrNoKafka = errors.New("no Apache Kafka can be started")

// notHere is how deploy/kafka says that Java or Maven is missing.
const notHere = 77

// StartKafka starts an Apache Kafka of its own from Maven jars.
func StartKafka(ctx context.Context) (*Broker, error) {
	script := filepath.Join("deploy", "kafka", "with-kafka")
	b, err := start(ctx, exec.Command(script, "sh", "-c", `echo "$DUOLOG_TEST_KAFKA"; cat >/dev/null`)) //nolint:gosec,noctx // ours; ended by Close
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notHere {
		return nil, fmt.Errorf("%w: %w", ErrNoKafka, err)
	}
	return b, err
}

// start returns when the command has printed where it listens.
func start(ctx context.Context, command *exec.Cmd) (*Broker, error) {
	var said strings.Builder
	command.Stderr = &said
	in, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer stop()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("start a broker: %w\n%s", errors.Join(command.Wait(), err), said.String())
	}
	return &Broker{Address: strings.TrimSpace(address), PID: command.Process.Pid, command: command, input: in}, nil
}

// Close ends the process in order.
func (b *Broker) Close() error {
	_ = b.input.Close()
	if err := b.command.Wait(); err != nil {
		return fmt.Errorf("the broker ended: %w", err)
	}
	return nil
}
