package grants

import (
	"context"
	"errors"
	"fmt"

	"yanquan/dianping"
	"yanquan/models"
)

// Client is a platform client for one account that renews the session when the
// platform says that it has expired, unless that was done a moment ago, and
// repeats the call once: such a refusal is certain to have changed nothing. ErrNotFound of models means that the
// account has no session.
func (k *Keeper) Client(ctx context.Context, platform dianping.Client, a models.Account) (dianping.Client, dianping.Shop, error) {
	session, err := k.DB.Grants.Session(ctx, a.ID)
	if err != nil {
		return nil, dianping.Shop{}, fmt.Errorf("grants: session: %w", err)
	}
	client, shop := k.With(platform, a, session)
	return client, shop, nil
}

// With is [Keeper.Client] with a session that was just read.
func (k *Keeper) With(platform dianping.Client, a models.Account, session models.Session) (dianping.Client, dianping.Shop) {
	shop := dianping.Shop{ID: a.ShopID, Session: session.AccessToken}
	if session.GrantID == "" {
		return platform, shop
	}
	return &renewing{Client: platform, keeper: k, account: a.ID, refused: session.Refused}, shop
}

// renewing is a client whose session is renewed when it has to be.
type renewing struct {
	dianping.Client
	keeper  *Keeper
	account int64
	refused bool // the session, as far as is known
}

// withSession makes a call, and once more with a new session where the platform
// refused the old one.
func withSession[T any](ctx context.Context, c *renewing, shop dianping.Shop, name dianping.Call, do func(dianping.Shop) (T, error)) (T, error) {
	if shop.Session == "" {
		var none T
		return none, &dianping.Error{Platform: c.Platform(), Call: name, Class: dianping.Reauthorize, Err: errEnded}
	}
	v, err := do(shop)
	if !sessionRefused(err) {
		c.taken(ctx, shop.Session, err)
		return v, err
	}
	session, rerr := c.keeper.fresh(ctx, c.account, shop.Session, err)
	if rerr != nil {
		c.keeper.Log.Warn("session not renewed", "account", c.account, "error", rerr)
	}
	if session != "" {
		shop.Session = session
		v, err = do(shop)
	}
	if sessionRefused(err) {
		if terr := c.keeper.refused(ctx, c.account, shop.Session); terr != nil {
			c.keeper.Log.Warn("nobody was told of a session that is refused", "account", c.account, "error", terr)
		}
	}
	return v, err
}

// taken notes that a session that was refused is taken again, as an answer of the
// platform proves.
func (c *renewing) taken(ctx context.Context, session string, err error) {
	if !c.refused || err != nil && !errors.Is(err, dianping.Refused) {
		return
	}
	if err := c.keeper.accepted(ctx, c.account, session); err != nil {
		c.keeper.Log.Warn("not noted that a session is taken again", "account", c.account, "error", err)
	}
}

func sessionRefused(err error) bool {
	return errors.Is(err, dianping.SessionExpired) || errors.Is(err, dianping.Reauthorize)
}

var errEnded = errors.New("the authorisation has ended")

func (c *renewing) Prepare(ctx context.Context, shop dianping.Shop, code string) (dianping.Receipt, error) {
	return withSession(ctx, c, shop, dianping.CallPrepare, func(s dianping.Shop) (dianping.Receipt, error) { return c.Client.Prepare(ctx, s, code) })
}

func (c *renewing) ScanPrepare(ctx context.Context, shop dianping.Shop, qr string) ([]dianping.Receipt, error) {
	return withSession(ctx, c, shop, dianping.CallScanPrepare, func(s dianping.Shop) ([]dianping.Receipt, error) { return c.Client.ScanPrepare(ctx, s, qr) })
}

func (c *renewing) Consume(ctx context.Context, shop dianping.Shop, req dianping.ConsumeRequest) ([]dianping.Receipt, error) {
	return withSession(ctx, c, shop, dianping.CallConsume, func(s dianping.Shop) ([]dianping.Receipt, error) { return c.Client.Consume(ctx, s, req) })
}

func (c *renewing) BatchConsume(ctx context.Context, shop dianping.Shop, req dianping.BatchConsumeRequest) ([]dianping.BatchResult, error) {
	return withSession(ctx, c, shop, dianping.CallBatchConsume, func(s dianping.Shop) ([]dianping.BatchResult, error) { return c.Client.BatchConsume(ctx, s, req) })
}

func (c *renewing) ReverseConsume(ctx context.Context, shop dianping.Shop, req dianping.ReverseRequest) ([]dianping.Receipt, error) {
	return withSession(ctx, c, shop, dianping.CallReverseConsume, func(s dianping.Shop) ([]dianping.Receipt, error) { return c.Client.ReverseConsume(ctx, s, req) })
}

func (c *renewing) GetConsumed(ctx context.Context, shop dianping.Shop, code string) (dianping.Record, error) {
	return withSession(ctx, c, shop, dianping.CallGetConsumed, func(s dianping.Shop) (dianping.Record, error) { return c.Client.GetConsumed(ctx, s, code) })
}

func (c *renewing) QueryListByDate(ctx context.Context, shop dianping.Shop, q dianping.ListQuery) ([]dianping.Record, error) {
	return withSession(ctx, c, shop, dianping.CallQueryListByDate, func(s dianping.Shop) ([]dianping.Record, error) { return c.Client.QueryListByDate(ctx, s, q) })
}

func (c *renewing) QueryByMobile(ctx context.Context, shop dianping.Shop, q dianping.MobileQuery) ([]string, error) {
	return withSession(ctx, c, shop, dianping.CallQueryByMobile, func(s dianping.Shop) ([]string, error) { return c.Client.QueryByMobile(ctx, s, q) })
}

func (c *renewing) QueryShopDeal(ctx context.Context, shop dianping.Shop) ([]dianping.Deal, error) {
	return withSession(ctx, c, shop, dianping.CallQueryShopDeal, func(s dianping.Shop) ([]dianping.Deal, error) { return c.Client.QueryShopDeal(ctx, s) })
}
