package grants

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"yanquan/dianping"
	"yanquan/models"
)

// PlatformNotice takes a message that a platform posted to us and returns the
// body to answer with. Errors are those of [dianping.Authorizer.ReadNotice],
// [ErrPlatformOff], or trouble of ours: the platform posts it again then.
func (k *Keeper) PlatformNotice(ctx context.Context, platform string, form url.Values) (string, error) {
	auth := k.Authorizers[platform]
	if auth == nil {
		return "", ErrPlatformOff
	}
	n, err := auth.ReadNotice(form)
	if errors.Is(err, dianping.ErrMalformed) { // signed: posted again, it would read the same
		k.Log.WarnContext(ctx, "a notice of the platform is left alone", "platform", platform, "error", err)
		return dianping.NoticeTaken, nil
	}
	if err != nil {
		return "", err
	}
	if !n.Unbound() {
		return dianping.NoticeTaken, nil
	}
	err = k.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.Notices.Record(ctx, platform, n.ID)
		if err != nil || !fresh {
			return err
		}
		return k.unbind(ctx, tx, platform, n)
	})
	if err != nil {
		return "", fmt.Errorf("grants: notice: %w", err)
	}
	return dianping.NoticeTaken, nil
}

// unbind ends the grant that a notice names, unless it was given anew since.
func (k *Keeper) unbind(ctx context.Context, tx *models.DB, platform string, n dianping.Notice) error {
	all, err := tx.Grants.List(ctx)
	if err != nil {
		return err
	}
	for _, g := range all {
		same := g.Platform == platform && g.Purpose == string(n.Purpose) && g.ShopID == n.ShopID && g.CustomerID == n.CustomerID
		if !same || g.Ended || n.Sent.Before(g.AuthorizedAt.Truncate(1e9)) {
			continue
		}
		g, err := tx.Grants.End(ctx, g, reasonUnbound)
		if errors.Is(err, models.ErrStale) {
			return fmt.Errorf("grants: being renewed: %w", err) // posted again, after the renewal
		}
		if err != nil {
			return err
		}
		if err := k.tellEnd(ctx, tx, g); err != nil {
			return err
		}
	}
	return nil
}
