package webhook

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/duolog/duolog/handlers/adapter"
)

// schedule is how long to wait after the nth attempt failed. With the first,
// which is made at once, there are ten over three days.
func schedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// delay is how long to wait after this attempt: what the schedule says and up to
// a tenth more, so that what failed together does not come again together. The
// tenth derives from the delivery and the attempt alone.
func delay(d adapter.Delivery) time.Duration {
	delays := schedule()
	wait := delays[min(max(d.Try, 1), len(delays))-1]
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", d.ID, d.Attempt))
	share := binary.BigEndian.Uint16(sum[:])
	return wait + wait/10*time.Duration(share)/(1<<16)
}
