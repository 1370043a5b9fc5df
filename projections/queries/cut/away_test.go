package cut_test

import (
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections/queries/cut"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// TestAwayIsNotNow: a reader of a Postgres that is down, or that has no tables
// yet, is told to come again.
func TestAwayIsNotNow(t *testing.T) {
	t.Parallel()
	server := embeddedtest.OwnPostgres(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: server.URL("postgres")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	read := func() error {
		return cut.DB{Pool: db.Read}.Read(t.Context(), func(tx *cut.Tx) error {
			_, err := tx.Next(t.Context(), 0)
			return err
		})
	}
	if err := read(); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("without tables: %v", err)
	}
	if err := server.Stop(t.Context(), embedded.Immediate); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := read(); domain.CodeOf(err) != domain.CodeNotNow {
			t.Errorf("without a server: %v", err)
		}
	}
}

// TestReadOnceReadsAgain: bytes that are gone between the rows and them are looked for
// once more, on one cut.
func TestReadOnceReadsAgain(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: embeddedtest.Postgres(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := value.Manifest{Type: "bytes", Size: 1, Entries: []value.Entry{{Address: value.AddressOf([]byte("x")), Size: 1}}}
	tries := 0
	err = cut.DB{Pool: db.Read}.ReadOnce(t.Context(), func(tx *cut.Tx) error {
		tries++
		_, err := tx.Assemble(t.Context(), []cut.Item{{Stream: "acme/workflow/0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a", Manifest: gone}})
		return err
	})
	if err == nil || tries != 2 {
		t.Errorf("%d tries: %v", tries, err)
	}
}
