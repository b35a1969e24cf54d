package grants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/dianping"
	"yanquan/internal/failpoint"
	"yanquan/models"
)

// storing is how long it is tried to make new tokens durable: the platform has
// already taken the old ones back. The lease covers it and the call.
const storing = 30 * time.Second

func (k *Keeper) lease() time.Duration { return k.CallTimeout + storing + 5*time.Second }

// Due lists the grants whose renewal is due.
func (k *Keeper) Due(ctx context.Context, limit int) ([]models.Grant, error) {
	return k.DB.DueGrants(ctx, k.Now(), limit)
}

// Renew renews a grant that is due. [models.ErrStale] means that somebody else
// is at it.
func (k *Keeper) Renew(ctx context.Context, g models.Grant) error {
	g, err := k.DB.ClaimGrant(ctx, g, k.Now().Add(k.lease()))
	if err != nil {
		return err
	}
	_, err = k.renew(ctx, g, false)
	return err
}

// fresh gives a session of a store that is not the used one, which the platform
// has refused: by renewing it, unless somebody else has or does. "" means that
// it cannot be had.
func (k *Keeper) fresh(ctx context.Context, storeID int64, used string) (string, error) {
	for deadline := k.Now().Add(k.CallTimeout + time.Second); ; {
		g, err := k.DB.GrantOfStore(ctx, storeID)
		switch {
		case err != nil:
			return "", err
		case g.AccessToken != used || g.Ended:
			return g.AccessToken, nil
		}
		claimed, err := k.DB.ClaimGrant(ctx, g, k.Now().Add(k.lease()))
		switch {
		case err == nil:
			// A caller that gives up must not lose the answer.
			g, err = k.renew(context.WithoutCancel(ctx), claimed, true)
			if err != nil || g.AccessToken == used {
				return "", err
			}
			return g.AccessToken, nil
		case !errors.Is(err, models.ErrStale) || k.Now().After(deadline):
			return "", err
		}
		if err := k.Sleep(ctx, 50*time.Millisecond); err != nil { // somebody else is renewing it
			return "", err
		}
	}
}

// renew exchanges the tokens of a claimed grant. refused says that the platform
// does not take the access token any more. A failure that leaves the old tokens
// is recorded, and is no error.
func (k *Keeper) renew(ctx context.Context, g models.Grant, refused bool) (models.Grant, error) {
	platform := k.Authorizers[g.Platform]
	if platform == nil {
		return k.kept(ctx, g, reasonNoPlatform, k.Now().Add(time.Hour))
	}
	if !renewable(g) {
		return k.spent(ctx, g, string(dianping.Reauthorize), refused)
	}
	failpoint.Hit("refresh.before")
	next, err := platform.Refresh(ctx, granted(g))
	failpoint.Hit("refresh.after")
	if err == nil {
		return k.store(ctx, g, next)
	}
	class := dianping.UnknownOutcome
	if e, ok := errors.AsType[*dianping.Error](err); ok {
		class = e.Class
	}
	k.Log.Warn("authorisation not renewed", "grant", g.ID, "platform", g.Platform, "error", err)
	expired := !g.ExpiresAt.IsZero() && !k.Now().Before(g.ExpiresAt)
	switch {
	case class == dianping.Reauthorize, class == dianping.Refused && expired: // not every code for it is known
		return k.spent(ctx, g, string(class), refused)
	case class == dianping.Refused && refused:
		err = k.DB.Tx(ctx, func(tx *models.DB) error {
			if g, err = tx.GrantKept(ctx, g, string(class), k.again(g, class)); err != nil {
				return fmt.Errorf("grants: keep: %w", err)
			}
			return k.tellRefused(ctx, tx, g)
		})
		return g, err
	}
	return k.kept(ctx, g, string(class), k.again(g, class))
}

// again is when a failed renewal is tried anew. An answer that was lost is asked
// for soon, while a platform that keeps the old refresh token for a while still
// takes it.
func (k *Keeper) again(g models.Grant, class dianping.Class) time.Time {
	wait := time.Hour
	if left := g.ExpiresAt.Sub(k.Now()); !g.ExpiresAt.IsZero() {
		wait = min(max(left/50, time.Minute), time.Hour)
	}
	if class == dianping.UnknownOutcome && g.Reason != string(class) {
		wait = 10 * time.Second
	}
	return k.Now().Add(wait*3/4 + time.Duration(k.Jitter()*float64(wait/4)))
}

// store makes new tokens durable before they are used. Without them the
// authorisation is lost, so that a database in trouble is waited for.
func (k *Keeper) store(ctx context.Context, g models.Grant, next dianping.Grant) (models.Grant, error) {
	deadline := k.Now().Add(storing)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		var stored models.Grant
		err := k.DB.Tx(ctx, func(tx *models.DB) (err error) {
			if stored, err = tx.GrantRenewed(ctx, k.taking(g, next)); err != nil {
				return err
			}
			return k.record(ctx, tx, g, "renew", "until "+stamp(g.ExpiresAt), "until "+stamp(stored.ExpiresAt))
		})
		if err == nil {
			k.Log.Info("authorisation renewed", "grant", stored.ID, "platform", stored.Platform, "until", stored.ExpiresAt, "renewals_left", stored.RefreshesLeft)
			return stored, nil
		}
		if now, rerr := k.DB.Grant(ctx, g.ID); rerr == nil && now.AccessToken == next.AccessToken {
			return now, nil // the answer to our commit was lost, not the commit
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

// kept leaves the old tokens in place until the next try.
func (k *Keeper) kept(ctx context.Context, g models.Grant, reason string, next time.Time) (models.Grant, error) {
	g, err := k.DB.GrantKept(ctx, g, reason, next)
	if err != nil {
		return g, fmt.Errorf("grants: keep: %w", err)
	}
	return g, nil
}

// spent notes that the tokens cannot be exchanged any more. The access token
// may still serve until it ends; managers are told to authorise again.
func (k *Keeper) spent(ctx context.Context, g models.Grant, reason string, refused bool) (models.Grant, error) {
	over := refused || g.ExpiresAt.IsZero() || !g.ExpiresAt.After(k.Now())
	err := k.DB.Tx(ctx, func(tx *models.DB) (err error) {
		if over {
			g, err = tx.EndGrant(ctx, g, reason)
		} else {
			g, err = tx.GrantKept(ctx, g, reason, time.Time{})
		}
		if err != nil {
			return fmt.Errorf("grants: end: %w", err)
		}
		return k.tellEnd(ctx, tx, g)
	})
	return g, err
}
