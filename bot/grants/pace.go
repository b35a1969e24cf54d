package grants

import (
	"time"

	"yanquan/dianping"
	"yanquan/models"
)

const (
	// assumedLife is that of tokens of which the platform does not tell it, or
	// that are over as they come.
	assumedLife = 30 * day

	least   = time.Minute      // between two renewals of a grant
	soon    = 10 * time.Second // after which an answer that was lost is asked for, once
	longest = time.Hour        // longest pause after a failure, while the session serves
	rarest  = day              // longest pause after a failure
	calm    = 6 * time.Hour    // longest pause between renewals before their time

	// plausible is the shortest life that is believed without being told.
	plausible = 10 * time.Minute

	// clockStep is how far ahead a stored time may be because clocks of replicas
	// disagree. What is further ahead was stored before a clock went back.
	clockStep = 15 * time.Minute

	// notice is how long before its end managers are first warned of it.
	notice = 7 * day
	// keepMost is the most of an allowance that is kept for renewals in their time:
	// half of what a merchant is known to get.
	keepMost = 6
)

// renewable reports whether the tokens can be exchanged for new ones.
func renewable(g models.Grant) bool {
	return !g.Ended && g.RefreshToken != "" && g.RefreshesLeft != 0
}

// counted reports whether the platform counts the renewals.
func counted(g models.Grant) bool { return g.RefreshesLeft >= 0 }

// obtained is when the tokens of a grant came.
func obtained(g models.Grant) time.Time {
	if g.RenewedAt.IsZero() {
		return g.AuthorizedAt
	}
	return g.RenewedAt
}

// life is how long the tokens of a grant last, both the one and the other.
func life(g models.Grant) time.Duration {
	end := g.ExpiresAt
	if r := g.RefreshExpiresAt; !r.IsZero() && (end.IsZero() || r.Before(end)) {
		end = r
	}
	if d := end.Sub(obtained(g)); !end.IsZero() && d > 0 {
		return d
	}
	return assumedLife
}

// margin is how long before their end tokens are renewed: a share of their life,
// the smaller one where renewals are counted, so that each is used for nearly its
// whole length.
func margin(g models.Grant) time.Duration {
	if counted(g) {
		return min(life(g)/6, 5*day)
	}
	return min(life(g)/4, 7*day)
}

// usable is how long tokens are used until their turn comes.
func usable(g models.Grant) time.Duration { return max(life(g)-margin(g), least) }

func turn(g models.Grant) time.Time { return obtained(g).Add(usable(g)) }

// share is the pause that saves an allowance: a sixtieth of the life, twelve
// hours of thirty days.
func share(g models.Grant) time.Duration { return max(life(g)/60, least) }

// renewal is when a grant is due, spread a little so that the grants of one
// afternoon are not renewed in one minute.
func (k *Keeper) renewal(g models.Grant) time.Time {
	if !renewable(g) {
		return time.Time{}
	}
	spread := min(margin(g)/4, 6*time.Hour, usable(g)-least)
	return turn(g).Add(-time.Duration(k.Jitter() * float64(spread)))
}

// doubled is a pause that doubles with each try after the first.
func doubled(pause time.Duration, tries int, most time.Duration) time.Duration {
	for ; tries > 1 && pause < most; tries-- {
		pause *= 2
	}
	return min(pause, most)
}

// answerLost reports whether the last try ended without an answer, so that the
// platform may have exchanged the tokens.
func answerLost(g models.Grant) bool {
	return g.Reason == "" || g.Reason == string(dianping.UnknownOutcome)
}

// afterFailure is the pause after a failed renewal. It grows to a share of the
// life, and once the session is over with the time since. An answer that was lost
// is asked for soon, while a platform that keeps the old refresh token for a while
// still takes it; after that each try may cost one of an allowance, and the pauses
// grow faster.
func afterFailure(g models.Grant) time.Duration {
	switch lost := answerLost(g); {
	case lost && g.Failures == 1:
		return soon
	case lost && counted(g):
		return doubled(least, 2*g.Failures-1, max(life(g)/6, rarest))
	}
	most := min(max(margin(g)/8, least), longest)
	if !g.ExpiresAt.IsZero() {
		most = max(most, min(g.TriedAt.Sub(g.ExpiresAt)/8, rarest))
	}
	return doubled(least, g.Failures, most)
}

// betweenEarly is the pause before another renewal before its time.
func betweenEarly(g models.Grant) time.Duration {
	switch {
	case g.Early == 0:
		return least
	case counted(g):
		return doubled(share(g), g.Early, life(g))
	}
	return doubled(least, g.Early+1, max(min(life(g)/2, calm), least))
}

// early is how many renewals before their time there were, after another one. One
// after a good part of the life is none.
func (k *Keeper) early(g models.Grant) int {
	part := life(g) / 4
	if g.ExpiresAt.IsZero() && !counted(g) {
		part = min(part, plausible)
	}
	switch age := k.Now().Sub(obtained(g)); {
	case age >= usable(g):
		return 0
	case age >= part:
		return g.Early
	}
	return g.Early + 1
}

// rested reports whether the pause since the last try is over.
func (k *Keeper) rested(g models.Grant, pause time.Duration) bool {
	since := k.Now().Sub(g.TriedAt)
	return g.TriedAt.IsZero() || since >= pause || since < -clockStep
}

// mayRenewEarly reports whether a grant may be renewed now because a call was
// refused.
func (k *Keeper) mayRenewEarly(g models.Grant) bool {
	switch {
	case g.Failures == 1 && answerLost(g):
		return true // the call that lost it gave up, the next one asks
	case g.Failures > 0 && answerLost(g) && counted(g):
		return k.rested(g, afterFailure(g))
	case g.Failures > 0:
		return k.rested(g, max(afterFailure(g)/4, least))
	case counted(g) && g.RefreshesLeft <= kept(g) && k.Now().Before(turn(g)):
		return false
	}
	return k.rested(g, betweenEarly(g))
}

// kept is how many renewals of an allowance are not used before their time: as
// many as it takes to last until managers have been warned.
func kept(g models.Grant) int {
	return int(min((notice+usable(g)-1)/usable(g), keepMost))
}
