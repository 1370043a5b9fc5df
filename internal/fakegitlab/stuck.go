package fakegitlab

import (
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// lookForStuck is how often jobs are looked at that wait for a runner.
const lookForStuck = 200 * time.Millisecond

// unstick lets jobs fail that waited too long for a runner.
func (s *Server) unstick() {
	for s.ctx.Err() == nil {
		pause(s.ctx, lookForStuck)
		s.mu.Lock()
		now := s.now()
		for _, j := range instance.Sorted(s.state.Jobs) {
			if j.Status == instance.Pending && now.Sub(*j.QueuedAt) >= s.cfg.StuckAfter {
				s.ended(j, instance.Failed, instance.StuckOrTimeout)
				s.advance(s.state.Pipelines[j.Pipeline])
			}
		}
		s.mu.Unlock()
	}
}
