package keystore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/duolog/duolog/domain"
)

// Store is one process's view of the keystore file. Its methods may be called
// at once from anywhere.
type Store struct {
	path string
	now  func() time.Time
	// writer lets one goroutine at a time ask for the file's lock.
	writer *semaphore.Weighted

	mu       sync.RWMutex
	index    *index
	declared map[[sha256.Size]byte]Token
	// file is what index was read from, up to offset. It is kept open so that
	// its inode cannot come back as another file's.
	file   *os.File
	info   os.FileInfo
	offset int64
	// sweepAt is the number of tokens from which expired ones are looked for.
	sweepAt int
	// looked is when the file was looked at last, in nanoseconds.
	looked atomic.Int64
}

// lookEvery is how long a revocation by another process may go unseen: under a
// flood of requests a look at the file for each costs more than their refusal.
const lookEvery = 20 * time.Millisecond

// Open reads the keystore at path and makes an empty one, mode 0600, where
// there is none. It refuses a file that others may read, and a damaged one.
func Open(path string, now func() time.Time) (*Store, error) {
	path, err := create(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: path, now: now, writer: semaphore.NewWeighted(1), index: newIndex(),
		declared: map[[sha256.Size]byte]Token{}, sweepAt: minSweep,
	}
	if err := s.refresh(); err != nil {
		_ = s.Close()
		return nil, err
	}
	if err := s.tidy(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Close lets go of the file. The store must not be used any more.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Add makes a token and returns its secret, which is told once and kept
// nowhere. The id and the time of creation are the store's to give. With an
// error there may be a token that nobody has the secret of.
func (s *Store) Add(ctx context.Context, t Token) (Secret, error) {
	if err := t.Validate(); err != nil {
		return "", err
	}
	t.ID, t.CreatedAt, t.Revoked = uuid.New(), s.stamp(), false
	if !t.ExpiresAt.IsZero() {
		t.ExpiresAt = t.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	secret := newSecret()
	e := &entry{token: t, hash: secret.Hash()}
	err := s.locked(ctx, func() error {
		if err := s.append(e.line()); err != nil {
			return err
		}
		// The token stands. A sweep that fails is tried when the file has doubled.
		_ = s.sweep()
		return nil
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Lookup finds the token of a secret, as all nodes together know it. It answers
// unauthenticated for a secret that is unknown, token_revoked or token_expired for
// one that no longer works, and not_now while the file cannot be read.
func (s *Store) Lookup(_ context.Context, secret Secret) (Token, error) {
	hash, now := secret.Hash(), s.now()
	_, known := s.find(hash)
	if err := s.look(now, known); err != nil {
		return Token{}, err
	}
	t, ok := s.find(hash)
	if !ok {
		return Token{}, refused(domain.CodeUnauthenticated, "the token is not known")
	}
	if err := t.usable(now); err != nil {
		return Token{}, err
	}
	return t, nil
}

// look takes in what other nodes wrote, unless that was done just now and what is
// looked for is known.
func (s *Store) look(now time.Time, known bool) error {
	age := now.UnixNano() - s.looked.Load()
	if known && age > 0 && age <= int64(lookEvery) {
		return nil
	}
	if err := s.refresh(); err != nil {
		return &domain.Error{
			Code: domain.CodeNotNow, Message: "tokens cannot be checked right now",
			Fix: "try again; the server's log says what is wrong with its keystore", Err: err,
		}
	}
	s.looked.Store(now.UnixNano())
	return nil
}

// find looks for a hash, not for a secret: how long that takes tells nothing of
// any secret. The last comparison is constant-time all the same.
func (s *Store) find(hash [sha256.Size]byte) (Token, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.index.byHash[hash]; ok && subtle.ConstantTimeCompare(e.hash[:], hash[:]) == 1 {
		return e.token, true
	}
	t, ok := s.declared[hash]
	return t, ok
}

// Revoke ends a token on every node. Revoking twice is a success; an id that is
// not in the file is not_found.
func (s *Store) Revoke(ctx context.Context, id uuid.UUID) error {
	return s.locked(ctx, func() error {
		t, ok := s.byID(id)
		switch {
		case !ok:
			return &domain.Error{
				Code: domain.CodeNotFound, Field: "id", Message: "there is no token " + id.String(),
				Fix: "list the tokens; one that stands in the configuration is revoked there",
			}
		case t.Revoked:
			return nil
		}
		return s.append(line{Revoke: &id, At: s.stamp()})
	})
}

func (s *Store) byID(id uuid.UUID) (Token, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.index.byID[id]; ok {
		return e.token, true
	}
	return Token{}, false
}

// Declare lets in a token that stands in the configuration. It is not written
// to the file: what is taken out of the configuration is gone at the next start.
func (s *Store) Declare(hash [sha256.Size]byte, t Token) error {
	if err := t.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared[hash] = t
	return nil
}

// Tokens lists the tokens of the file, oldest first, revoked and expired ones
// included.
func (s *Store) Tokens(context.Context) ([]Token, error) {
	if err := s.refresh(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Token, 0, len(s.index.byID))
	for _, e := range s.index.byID {
		out = append(out, e.token)
	}
	slices.SortFunc(out, older)
	return out, nil
}

func older(a, b Token) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID.String(), b.ID.String()))
}

func (s *Store) stamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
