package dispatch

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

// Request is one command for one stream.
type Request struct {
	Stream domain.StreamID
	// Workflow, Conversation or Directory is the command; exactly one is set.
	Workflow     workflow.Command
	Conversation conversation.Command
	Directory    directory.Command
	// CommandID is the memory of idempotency: the same id is one command, for
	// ever. Derive it with CommandID where the caller has a key of its own.
	CommandID uuid.UUID
	// Fresh says that CommandID was made for this request just now, so that no
	// command with it can have been carried out.
	Fresh bool
	// Hash is the SHA-256 of what came under the caller's key, zero without
	// one: the same key with another body is refused.
	Hash      journal.Hash
	Principal domain.Principal
	// Scope is that of the token it came with; empty is all of a member.
	Scope access.Scope
	// Asked is what a directory was asked on the way here of who may do this; nil for
	// nothing. Nothing is decided by it here: a guard takes it instead of asking again.
	Asked *access.Facts
	// Access is what is known of who may do this, for a command that somebody has to be
	// allowed: the decision is taken with it and stands in the same commit. Nil asks
	// nobody.
	Access *access.Facts
	// At is when it happened, for what happened elsewhere: the commit has that time.
	// Zero is now.
	At time.Time
}

// at is the time of a commit that is decided now.
func (r *Request) at(now time.Time) time.Time {
	if r.At.IsZero() || r.At.After(now) {
		return now
	}
	return r.At
}

// CommandID derives the id of a command from the caller's own key, within the
// tenant and the principal.
func CommandID(tenant domain.Tenant, p domain.Principal, key string) uuid.UUID {
	name := string(tenant) + "\x00" + p.User + "\x00" + p.ServiceAccount + "\x00" + p.System + "\x00" + key
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("duolog:command:"+name))
}

// Result is the verdict of a command: accepted and visible, or already so.
type Result struct {
	// Stream is where it happened, Number the number of the stream's first
	// commit: what people call the workflow.
	Stream domain.StreamID
	Number int64
	// Position is that of the commit; of the earlier one for a repeat. It is
	// zero where the command found everything done already and appended nothing.
	Position domain.Position
	// Item is the number of what the command made or found.
	Item int64
	// Changed is false when it was so already.
	Changed bool
	// Count is how many things the command has removed; 0 for a repeat.
	Count int
	// Workflow is the state after the command, for a workflow's commands.
	Workflow workflow.State
	// Directory is that of a namespace or a user, for their commands.
	Directory directory.State
}
