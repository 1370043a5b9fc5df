// Package inbox takes commands from the topic duolog.commands, which any
// language may write, and carries each out once.
//
// A command stands in the topic as a dispatch.Envelope; its record key is its
// stream, so commands of one stream keep their order. The consumer moves on
// only after the verdict: carried out, already so, or refused. A refusal, and
// what cannot be read, is written to duolog.commands.refused with the reason
// first. Where there is no verdict, the same command is tried again: nothing is
// skipped, and nothing behind it overtakes.
//
// A crash between the verdict and the acknowledgement brings the command again;
// its id makes it the same command.
//
// What sagas share with the inbox, a Watermill router and the insistence on a
// verdict, is here as well.
package inbox
