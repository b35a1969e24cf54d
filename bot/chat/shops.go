package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/bot/access"
	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// shops opens accounts at their platforms.
type shops struct {
	Platforms  map[string]dianping.Client
	grants     *grants.Keeper
	UndoWindow time.Duration
}

// Open implements [redeem.Shops].
func (s *shops) Open(ctx context.Context, a models.Account) (platform.Shop, error) {
	client, shop, err := s.client(ctx, a)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, redeem.ErrNotConnected
	}
	return platform.Dianping(client, shop, s.UndoWindow), nil
}

// at is the shop of a place whose session was read with it; nil: it is to be opened.
func (s *shops) at(p access.Place) platform.Shop {
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
