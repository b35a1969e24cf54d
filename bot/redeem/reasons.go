package redeem

// Reasons of our own, beside the platform's.
const (
	ReasonHere         = "verified_here"  // another operation of ours consumed it
	ReasonBusy         = "being_verified" // another operation of ours is at it
	ReasonTooMany      = "count_left"     // more coupons than the order has left
	ReasonSession      = "session"        // the store's authorisation must be renewed
	ReasonThrottled    = "throttled"      // the platform limits us
	ReasonUnavailable  = "unavailable"    // the platform cannot be reached; nothing was done
	ReasonConfig       = "misconfigured"  // our request is wrong
	ReasonNotConsumed  = "not_consumed"   // settled: the platform never consumed it
	ReasonNoPlatform   = "no_platform"    // the store's platform is not configured
	ReasonUndoLate     = "undo_too_late"  // past the window, by our clock or the platform's
	ReasonNotUndone    = "not_undone"     // settled: the platform did not undo it
	ReasonNotHandled   = "not_handled"    // its message was given up before anything was done about it
	ReasonCodesMissing = "codes_missing"  // consumed, but the platform did not tell every code
)
