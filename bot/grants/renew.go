package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// storing is how long it is tried to make new tokens durable: the platform has
// already taken the old ones back. The lease covers it and the call.
const storing = 30 * time.Second

func (k *Keeper) lease() time.Duration { return k.CallTimeout + storing + 5*time.Second }

// Due lists the grants whose renewal is due. One whose last try ended with the
// process that made it waits like any that failed.
func (k *Keeper) Due(ctx context.Context, limit int) ([]models.Grant, error) {
	due, err := k.DB.Grants.Due(ctx, k.Now(), limit)
	return slices.DeleteFunc(due, func(g models.Grant) bool {
		return g.Failures > 0 && !k.rested(g, afterFailure(g))
	}), err
}

// Renew renews a grant that is due. [models.ErrStale] means that another replica
// renews it.
func (k *Keeper) Renew(ctx context.Context, g models.Grant) error {
	g, err := k.DB.Grants.Claim(ctx, g, k.Now().Add(k.lease()))
	if err != nil {
		return err
	}
	_, err = k.renew(ctx, g, false)
	return err
}

// fresh gives a session of an account that is not the used one, which the platform
// has refused: by renewing it, unless another call has or does. "" means that it
// cannot be had now.
func (k *Keeper) fresh(ctx context.Context, account int64, used string, why error) (string, error) {
	for deadline := k.Now().Add(k.CallTimeout + time.Second); ; {
		g, err := k.DB.Grants.OfAccount(ctx, account)
		switch {
		case err != nil:
			return "", err
		case g.AccessToken != used || g.Ended:
			return g.AccessToken, nil
		}
		if !g.LeaseUntil.After(k.Now()) { // no renewal under way
			if renewable(g) && !k.mayRenewEarly(g) || !renewable(g) && !k.lost(g, why) {
				return "", nil
			}
			if claimed, err := k.DB.Grants.Claim(ctx, g, k.Now().Add(k.lease())); err == nil {
				// A caller that gives up must not lose the answer.
				g, err = k.renew(context.WithoutCancel(ctx), claimed, true)
				if err != nil || g.AccessToken == used {
					return "", err
				}
				return g.AccessToken, nil
			} else if !errors.Is(err, models.ErrStale) {
				return "", err
			}
		}
		if k.Now().After(deadline) {
			return "", models.ErrStale
		}
		if err := k.Sleep(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
}

// lost reports whether a refused session that cannot be renewed is over for good.
// One that has some of its life left may only be called expired by mistake.
func (k *Keeper) lost(g models.Grant, why error) bool {
	return errors.Is(why, dianping.Reauthorize) || !g.ExpiresAt.After(k.Now())
}

// renew exchanges the tokens of a claimed grant. refused says that the platform
// does not take the access token any more. A failure that leaves the old tokens
// is recorded, and is no error.
func (k *Keeper) renew(ctx context.Context, g models.Grant, refused bool) (models.Grant, error) {
	platform := k.Authorizers[g.Platform]
	if platform == nil {
		return k.keep(ctx, g, reasonNoPlatform, k.Now().Add(time.Hour))
	}
	if !renewable(g) {
		return k.spent(ctx, g, string(dianping.Reauthorize), refused)
	}
	failpoint.Hit("refresh.before")
	next, err := platform.Refresh(ctx, granted(g))
	failpoint.Hit("refresh.after")
	if err == nil {
		if refused {
			g.Early = k.early(g)
		} else {
			g.Early = 0
		}
		return k.store(ctx, g, next)
	}
	k.Log.Warn("authorisation not renewed", "grant", g.ID, "platform", g.Platform, "failures", g.Failures, "error", err)
	g.Reason = whyNotRenewed(err)
	over := !g.RefreshExpiresAt.IsZero() && !k.Now().Before(g.RefreshExpiresAt)
	if errors.Is(err, dianping.Reauthorize) || g.Reason == reasonAnswered && over {
		return k.spent(ctx, g, g.Reason, refused)
	}
	pause := afterFailure(g)
	return k.keep(ctx, g, g.Reason, k.Now().Add(pause+time.Duration(k.Jitter()*float64(pause/4))))
}

// whyNotRenewed is the reason of a failed renewal. An answer with an undocumented
// code is none that was lost.
func whyNotRenewed(err error) string {
	e, ok := errors.AsType[*dianping.Error](err)
	switch {
	case !ok:
		return string(dianping.UnknownOutcome)
	case e.Class == dianping.UnknownOutcome && e.Reason == dianping.Other:
		return reasonAnswered
	}
	return string(e.Class)
}

// store makes new tokens durable before they are used. Without them the
// authorisation is lost, so that a database in trouble is waited for.
func (k *Keeper) store(ctx context.Context, g models.Grant, next dianping.Grant) (models.Grant, error) {
	deadline := k.Now().Add(storing)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		var stored models.Grant
		err := k.DB.Tx(ctx, func(tx *models.DB) (err error) {
			if stored, err = tx.Grants.MarkRenewed(ctx, k.taking(g, next)); err != nil {
				return err
			}
			return k.record(ctx, tx, g, "renew", "until "+stamp(g.ExpiresAt), "until "+stamp(stored.ExpiresAt))
		})
		if err == nil {
			k.Log.Info("authorisation renewed", "grant", stored.ID, "platform", stored.Platform, "until", stored.ExpiresAt, "renewals_left", stored.RefreshesLeft)
			return stored, nil
		}
		now, rerr := k.DB.Grants.Get(ctx, g.ID)
		if rerr == nil && now.AccessToken == next.AccessToken {
			return now, nil // the answer to our commit was lost, not the commit
		}
		if rerr == nil && errors.Is(err, models.ErrStale) && anotherConsent(g, now) {
			k.Log.Info("new tokens are not needed: the consent was taken back or given anew meanwhile", "grant", g.ID, "platform", g.Platform)
			return now, nil
		}
		if errors.Is(err, models.ErrStale) || !k.Now().Before(deadline) {
			k.Log.Error("new tokens could not be stored; the store may have to be authorised again", "grant", g.ID, "platform", g.Platform, "error", err)
			return g, fmt.Errorf("grants: store the new tokens: %w", err)
		}
		if err := k.Sleep(ctx, wait); err != nil {
			return g, err
		}
	}
}

// anotherConsent reports whether the consent that a renewal was begun for is over: the
// merchant took it back, or gave another.
func anotherConsent(begun, now models.Grant) bool {
	return now.Ended || !now.AuthorizedAt.Equal(begun.AuthorizedAt)
}

// keep leaves the old tokens in place until the next try.
func (k *Keeper) keep(ctx context.Context, g models.Grant, reason string, next time.Time) (models.Grant, error) {
	g, err := k.DB.Grants.MarkFailed(ctx, g, reason, next)
	if err != nil {
		return g, fmt.Errorf("grants: keep: %w", err)
	}
	return g, nil
}

// spent notes that the tokens cannot be exchanged any more. The access token
// may still serve until it ends; managers are told to authorise again.
func (k *Keeper) spent(ctx context.Context, g models.Grant, reason string, refused bool) (models.Grant, error) {
	over := refused || Void(g) || g.ExpiresAt.IsZero() || !g.ExpiresAt.After(k.Now())
	var ended models.Grant // of this run: a run that is undone must not leave its version
	err := k.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if over {
			ended, err = tx.Grants.End(ctx, g, reason)
		} else {
			ended, err = tx.Grants.MarkFailed(ctx, g, reason, time.Time{})
		}
		if err != nil {
			return fmt.Errorf("grants: end: %w", err)
		}
		return k.tellEnd(ctx, tx, ended)
	})
	if err != nil {
		return g, err
	}
	return ended, nil
}
