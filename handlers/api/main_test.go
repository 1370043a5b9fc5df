package api_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
)

func TestMain(m *testing.M) {
	openapi3filter.RegisterBodyDecoder(values.ContentType, headOf)
	embeddedtest.Main(m)
}
