// Package inbox takes commands from the topic duolog.commands and carries each out
// once.
//
// What nodes write is a dispatch.Envelope under a seal that only they can make; what
// anybody else writes is a CloudEvent with a token, which is read as the same
// document over HTTP is. The consumer moves on only after the verdict: carried out,
// already so, or refused. A refusal, and what cannot be read, is written to
// duolog.commands.refused with the reason first; then the sender is answered on the
// topic it named. Where there is no verdict, the same command is tried again:
// nothing is skipped, and nothing behind it overtakes.
//
// A crash between the verdict and the acknowledgement brings the command again; its
// id makes it the same command, and its answer has the same id.
//
// What sagas share with the inbox, a Watermill router and the insistence on a
// verdict, is here as well.
package inbox
