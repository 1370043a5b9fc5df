package deploy_test

import (
	"testing"

	"github.com/duolog/duolog/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
