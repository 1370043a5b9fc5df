// Package asof reads a whole workflow as it stood at one moment: everything in one
// cut, with the moments before and after it to step to.
package asof
