package grants

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

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

// unbind ends the grant that a notice names, unless it was given anew since. A renewal
// under way does not matter: what it brings is not stored.
func (k *Keeper) unbind(ctx context.Context, tx *models.DB, platform string, n dianping.Notice) error {
	named := models.Grant{Platform: platform, Purpose: string(n.Purpose), ShopID: n.ShopID, CustomerID: n.CustomerID}
	given := n.Sent.Truncate(time.Second).Add(time.Second) // a notice is dated to the second: in the same one, it is the later
	g, err := tx.Grants.Withdraw(ctx, named, given, reasonUnbound)
	switch {
	case errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrStale):
		return nil
	case err != nil:
		return err
	}
	return k.tellEnd(ctx, tx, g)
}
