package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"yanquan/bot/chat"
	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/internal/config"
	"yanquan/models"
)

// Platforms makes the clients of the configured generations of Meituan/Dianping, by
// name. observe may be nil.
func Platforms(cfg *config.Config, now func() time.Time, observe func(dianping.Observation)) (map[string]dianping.API, error) {
	return platforms(cfg, Options{Now: now}, observe)
}

func platforms(cfg *config.Config, o Options, observe func(dianping.Observation)) (map[string]dianping.API, error) {
	clients := map[string]dianping.API{}
	if p := cfg.Dianping; p != nil {
		c, err := dianping.NewDianping(dianping.Config{
			APIURL: p.APIURL, AuthURL: p.AuthURL, AppKey: p.AppKey, AppSecret: p.AppSecret,
			Timeout: cfg.Redeem.CallTimeout, HTTP: o.httpClient(), Now: o.Now, Observe: observe,
		})
		if err != nil {
			return nil, err
		}
		clients[dianping.Dianping] = c
	}
	if p := cfg.Meituan; p != nil {
		c, err := dianping.NewMeituan(dianping.MeituanConfig{
			APIURL: p.APIURL, AuthURL: p.AuthURL, DeveloperID: p.DeveloperID, SignKey: p.SignKey,
			Timeout: cfg.Redeem.CallTimeout, HTTP: o.httpClient(), Now: o.Now, Observe: observe,
		})
		if err != nil {
			return nil, err
		}
		clients[dianping.Meituan] = c
	}
	return clients, nil
}

// httpClient carries calls to platforms; nil: each client has its own.
func (o Options) httpClient() *http.Client {
	if o.Platform == nil {
		return nil
	}
	return &http.Client{Transport: o.Platform}
}

// Douyin makes the application at Douyin, whose access token is in the database, or in
// memory where that is nil; it is off where it is not configured. observe may be nil.
func Douyin(cfg *config.Config, db *models.DB, now func() time.Time, observe func(douyin.Observation)) (chat.Douyin, error) {
	return douyinApplication(cfg, db, Options{Now: now}, observe)
}

func douyinApplication(cfg *config.Config, db *models.DB, o Options, observe func(douyin.Observation)) (chat.Douyin, error) {
	p := cfg.Douyin
	if p == nil {
		return chat.Douyin{}, nil
	}
	a := chat.Douyin{AccountID: p.AccountID}
	dc := douyin.Config{
		APIURL: p.APIURL, ClientKey: p.ClientKey, ClientSecret: p.ClientSecret,
		Timeout: cfg.Redeem.CallTimeout, HTTP: o.httpClient(), Links: o.Platform, Now: o.Now, Sleep: o.Pause, Observe: observe,
	}
	if db != nil {
		tokens := appTokens{db.AppTokens, "douyin/" + p.ClientKey}
		dc.Tokens, a.Token = tokens, tokens.get
	}
	var err error
	a.Client, err = douyin.New(dc)
	return a, err
}

// appTokens is a [douyin.TokenStore] in the database.
type appTokens struct {
	store models.AppTokenStore
	id    string
}

func (s appTokens) get(ctx context.Context) (models.AppToken, error) { return s.store.Get(ctx, s.id) }

func (s appTokens) Load(ctx context.Context) (douyin.Token, error) {
	t, err := s.get(ctx)
	return douyin.Token{
		Version: t.Version, Access: douyin.Secret(t.Token), Obtained: t.ObtainedAt, Expires: t.ExpiresAt,
		Lease: t.LeasedUntil, NotBefore: t.NotBefore, InDoubt: t.InDoubt, Displaced: t.DisplacedAt,
	}, err
}

func (s appTokens) Swap(ctx context.Context, next douyin.Token) (bool, error) {
	err := s.store.Swap(ctx, models.AppToken{
		ID: s.id, Version: next.Version, Token: string(next.Access), ObtainedAt: next.Obtained, ExpiresAt: next.Expires,
		LeasedUntil: next.Lease, NotBefore: next.NotBefore, InDoubt: next.InDoubt, DisplacedAt: next.Displaced,
	})
	if errors.Is(err, models.ErrStale) {
		return false, nil
	}
	return err == nil, err
}
