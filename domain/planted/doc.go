// Package planted puts known bugs into builds that are made to be caught.
//
// The crash harness (test/crash) proves about itself that it would see a bug by
// being shown one: a binary built with the tag planted has the bug that
// DUOLOG_PLANTED_BUG names, and no other. In every other build Bug is a constant
// false, and the compiler leaves out what stands behind it.
package planted
