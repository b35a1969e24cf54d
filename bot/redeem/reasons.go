package redeem

import "yanquan/bot/platform"

// Why an operation was refused, is in doubt, or tells less than it should. They
// are kept in databases, beside the platforms' own reasons.
const (
	ReasonHere         = "verified_here"       // another operation of ours consumed it; nothing more is known to be left
	ReasonHereMore     = "verified_here_more"  // …and more can be consumed: Operation.Left says how much, 0 that it is not told
	ReasonHereUnsure   = "verified_here_asked" // …and whether more can be consumed is not known: the platform did not say
	ReasonHereSince    = "verified_here_since" // …since what the person has seen
	ReasonHereSpent    = "verified_here_spent" // …and the code itself is good for nothing more
	ReasonBusy         = "being_verified"      // another operation of ours is under way
	ReasonInTheWay     = "in_the_way"          // others of ours were, and have ended; the platform may not have been asked
	ReasonTooMany      = "count_left"          // more than the order has left; Operation.Left says how many
	ReasonSession      = platform.Session      // the store's authorisation must be renewed
	ReasonThrottled    = platform.Throttled    // the platform limits us
	ReasonUnavailable  = platform.Unreachable  // the platform cannot be reached; nothing was done
	ReasonConfig       = platform.Config       // our request is wrong
	ReasonNotConsumed  = "not_consumed"        // settled: the platform never consumed it
	ReasonNoPlatform   = "no_platform"         // the store's platform is not connected
	ReasonSlowed       = "slowed"              // its sender guesses codes; the platform was not asked
	ReasonUndoLate     = platform.UndoTooLate  // past the window, by our clock or the platform's
	ReasonNotUndone    = "not_undone"          // settled: the platform did not undo it
	ReasonCovered      = "later_visit"         // not undone: the code was used again since, and an undo would hit that
	ReasonUndoUnsure   = "undo_unsure"         // not undone, and nothing was sent: the records do not tell that an undo would hit this visit
	ReasonUndoneThere  = "undone_there"        // undone at the platform, not by us; Operation.UndoMessage names who confirmed it
	ReasonCodesMissing = "codes_missing"       // consumed, but the platform did not tell every code
	ReasonPartly       = platform.PartlyDone   // fewer consumed than asked for
	ReasonUnclear      = "unclear"             // in doubt: the platform answers, but not whose verification it is
	ReasonMayBeHeld    = "may_be_held"         // in doubt: the platform shows no use, and may keep it back (see [models.Held])
	ReasonLetGo        = "hold_over"           // settled: the platform kept it back, and has not consumed it
	ReasonClosedUsed   = "closed_consumed"     // a person ended the doubt: consumed; Outcome.Message names them
	ReasonClosedUnused = "closed_unconsumed"   // a person ended the doubt: not consumed; Outcome.Message names them

	// Of a store with several accounts; the outcome's Code lists accounts, and its Message
	// those that said nothing that counts (see [AccountsIn]). The Code of ReasonHere and
	// ReasonBusy lists those that may verify the code, too, and their Message the one that
	// has, where that is not the operation's.
	ReasonWhich   = "which_platform"  // those in Code know it, and a person must say which is meant
	ReasonUnsure  = "platform_silent" // that in Code knows it, those in Message are silent: a person must confirm
	ReasonUnheard = "not_all_heard"   // those in Code do not know it, those in Message are silent
	ReasonNowhere = "not_found_here"  // those in Code do not know it, and they are all
	ReasonAbsent  = "platform_absent" // the store has no account of the platform that Code names

	// Of a code that stands for several products, which the outcome's Message lists (see
	// [ProductsIn]); Operation.OtherID is what the person has seen to follow.
	ReasonProduct   = "which_product" // a person must say which is meant
	ReasonNoProduct = "product_gone"  // that which was named is none of them, or not any more
)

// Here reports whether a reason says that another operation of ours has consumed the code.
func Here(reason string) bool {
	switch reason {
	case ReasonHere, ReasonHereMore, ReasonHereUnsure, ReasonHereSince, ReasonHereSpent:
		return true
	}
	return false
}

// NothingToUndoBy reports whether a reason says that what an undo left cannot be undone
// here at any time.
func NothingToUndoBy(reason string) bool {
	return reason == ReasonCodesMissing || reason == platform.NoHandle
}
