// Package redeem consumes vouchers and undoes that, each at most once, whatever
// becomes of calls, answers and processes.
//
// A [Core] works on one operation at a time and returns a [Step]: the one move of
// the journal that is left, for the caller to commit in the same transaction as
// its answer to the person. Where that transaction fails because the message was
// taken over, the caller commits the step alone: the outcome is known here.
//
//   - [Core.Consume] and [Core.Undo] do what a message asks. The intent is durable
//     before the call, and only while the message is its worker's.
//   - [Core.Settle] takes up what is due: doubts, and what a dead process left. The
//     caller tells people when Operation.NeedsHuman becomes true, and the outcome
//     when the operation is terminal. [Core.Silent] says where one at a time is enough.
//   - [Core.Close] ends a doubt by what a person has seen.
//   - [Core.Look] and [Core.Scan] ask without effect, [Core.Outcome] waits for what
//     is under way, [CanUndo] is the rule for undoing.
//
// What settles a doubt is evidence: the platform's record, held against what the
// journal has ([books]); its list of the day, where a code stays good from visit
// to visit; and whether the code can still be consumed. A consume is repeated with
// the same request id only, only before people are told, and only where that
// cannot take effect twice; a refusal of a repeat ends nothing. A platform that tells
// every use (platform.Recorded.Complete) is asked for nothing else. An undo is
// repeated only for a verification that is certain to stand. Neither a refusal nor
// "not consumed" is believed before the last call has had time to show.
//
// What a platform's risk control keeps back ([models.Held]) is no doubt: it is asked about
// less and less, or at once where the platform has told of it
// ([models.JournalStore.Ask]), never sent again, and ends with a use that shows or with
// its time.
//
// What an answer proves is the platform's to say: see package platform.
package redeem
