package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/bot/access"
	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/models"
)

// shops opens accounts at their platforms.
type shops struct {
	Platforms  map[string]dianping.Client
	Douyin     Douyin
	grants     *grants.Keeper
	UndoWindow time.Duration // at Meituan/Dianping
	Refused    func(ctx context.Context, account int64)
}

// Douyin is the application at Douyin, which has one access token for all shops. It is
// off where there is no Client.
type Douyin struct {
	Client    *douyin.Client
	AccountID string                                         // of 来客; has the shops whose account names no other
	Token     func(context.Context) (models.AppToken, error) // as it is kept
}

// serves reports whether an account is the application's.
func (d Douyin) serves(a models.Account) bool {
	return d.Client != nil && a.Platform == platform.DouyinName
}

// At is the shop of an account.
func (d Douyin) At(a models.Account) douyin.Shop {
	return douyin.Shop{ID: a.ShopID, Account: cmp.Or(a.AccountID, d.AccountID)}
}

// Has reports whether a platform is configured.
func (s *shops) Has(name string) bool {
	return s.Platforms[name] != nil || s.Douyin.serves(models.Account{Platform: name})
}

// Open implements [redeem.Shops].
func (s *shops) Open(ctx context.Context, a models.Account) (platform.Shop, error) {
	if s.Douyin.serves(a) {
		return s.douyin(a), nil
	}
	client, shop, err := s.client(ctx, a)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, redeem.ErrNotConnected
	}
	return platform.Dianping(client, shop, s.UndoWindow), nil
}

// douyin is the shop of an account there.
func (s *shops) douyin(a models.Account) platform.Shop {
	return watched{platform.Douyin(s.Douyin.Client, s.Douyin.At(a)), func(ctx context.Context) { s.Refused(ctx, a.ID) }}
}

// at is the shop of a place whose session was read with it; nil: it is to be opened.
func (s *shops) at(p access.Place) platform.Shop {
	if s.Douyin.serves(p.Account) && len(p.Further) == 0 {
		return s.douyin(p.Account)
	}
	client := s.Platforms[p.Platform]
	if client == nil || p.Session == nil {
		return nil
	}
	client, shop := s.grants.With(client, p.Account, *p.Session)
	return platform.Dianping(client, shop, s.UndoWindow)
}

// client is the client with the session of an account; nil where the platform or the
// session is missing.
func (s *shops) client(ctx context.Context, a models.Account) (dianping.Client, dianping.Shop, error) {
	client := s.Platforms[a.Platform]
	if client == nil {
		return nil, dianping.Shop{}, nil
	}
	client, shop, err := s.grants.Client(ctx, client, a)
	if errors.Is(err, models.ErrNotFound) {
		return nil, dianping.Shop{}, nil
	}
	if err != nil {
		return nil, dianping.Shop{}, fmt.Errorf("chat: session: %w", err)
	}
	return client, shop, nil
}
