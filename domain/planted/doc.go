// Package planted puts known bugs into builds that are made to be caught.
//
// The crash harness (test/crash) proves about itself that it would see a bug by
// being shown one: a binary built with the tag planted and
//
//	-ldflags "-X github.com/duolog/duolog/domain/planted.bug=no_parent_check"
//
// has that bug and no other. In every other build Bug is a constant false, and
// the compiler leaves out what stands behind it.
package planted
