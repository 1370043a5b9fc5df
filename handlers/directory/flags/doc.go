// Package flags evaluates feature flags through OpenFeature, with a directory as the
// provider: whoever brings flags of their own replaces that one part.
package flags
