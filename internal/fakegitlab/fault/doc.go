// Package fault holds the rules by which a fake GitLab fails: what goes wrong
// with which requests, how often, and with the runner. It only says what is to
// go wrong; whoever asks does it.
package fault
