package embedded

import (
	"fmt"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reserve is what the disk of the log must have free for another record to be
// taken. kfake ignores the errors of a sync, and answers a repeated send as a
// duplicate although the first one was not written; so no write may come to the
// end of the disk. Small state (offsets of groups, producer ids) is still written
// below it, and a Postgres on the same disk can end in order.
const reserve = 64 << 20

// FullError says that the disk of an embedded log has no room.
type FullError struct {
	// Problem is what is wrong, Fix what to do.
	Problem, Fix string
}

func (e *FullError) Error() string { return e.Problem + "\nfix: " + e.Fix }

// Full says whether the disk of a log's directory has too little room for another
// record; nil where it has, and where there is no such directory.
func Full(dir string) *FullError {
	var disk syscall.Statfs_t
	known := dir != "" && syscall.Statfs(dir, &disk) == nil
	free := disk.Bavail * uint64(disk.Bsize) //nolint:gosec // a block size is positive; its type is the system's
	if !known || free >= reserve {
		return nil
	}
	return &FullError{
		Problem: fmt.Sprintf("the disk of the embedded log %s has %d MB free; below %d MB nothing is written, so that nothing is half written.", dir, free>>20, reserve>>20),
		Fix:     "free space on that disk; writing goes on by itself. The log itself only grows: for more of it, use duolog serve with Apache Kafka.",
	}
}

// Full says whether the broker refuses records because its disk has no room.
func (b *Broker) Full() *FullError { return Full(b.dir) }

// refuseWhenFull makes the broker answer as Apache Kafka does when it cannot
// write, before it has touched anything.
func refuseWhenFull(cluster *kfake.Cluster, dir string) {
	cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1,
		When: func(kmsg.Request) bool { return Full(dir) != nil },
	})
}
