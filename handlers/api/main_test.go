package api_test

import (
	"testing"

	"github.com/duolog/duolog/internal/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }
