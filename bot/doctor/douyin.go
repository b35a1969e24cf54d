package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"yanquan/bot/chat"
	"yanquan/bot/platform"
	"yanquan/douyin"
	"yanquan/internal/app"
	"yanquan/models"
)

// douyinCheck is about the application at Douyin.
type douyinCheck struct{ *checker }

// run looks at the application's token, and at what it may do in each shop.
func (c douyinCheck) run(ctx context.Context, stores []store) {
	if c.cfg.Douyin == nil {
		return
	}
	application, done, err := c.application(ctx)
	if err != nil {
		c.bad("mend the database first: the access token is in it, and a second one would end it", "douyin: not looked at: %v", err)
		return
	}
	defer done()
	if err := application.Client.RenewToken(ctx); err != nil {
		c.bad(adviceDouyin(err), "douyin: no access token: %v", err)
		return
	}
	c.good("douyin: access token fetched")
	for _, s := range stores {
		if s.platform == platform.DouyinName {
			c.poi(ctx, application, s)
		}
	}
	c.noticeAddress(ctx)
}

// application is that of serve, with its access token: each new one ends the one before.
func (c douyinCheck) application(ctx context.Context) (a chat.Douyin, done func(), err error) {
	if path, err := models.SQLitePath(c.cfg.Database.DSN); c.cfg.Database.Driver == models.SQLite && err == nil {
		switch _, err := os.Stat(path); {
		case !errors.Is(err, os.ErrNotExist):
		case app.Astray(c.cfg, c.path): // that of serve is elsewhere
			return a, nil, models.ErrNoDatabase
		default: // there is no serve
			a, err = app.Douyin(c.cfg, nil, c.now, nil)
			return a, func() {}, err
		}
	}
	db, err := app.OpenDB(ctx, c.cfg, nil, c.now)
	if err != nil {
		return a, nil, err
	}
	a, err = app.Douyin(c.cfg, db, c.now, nil)
	if err == nil {
		_, err = a.Token(ctx)
	}
	if err != nil {
		db.Close()
		return a, nil, err
	}
	return a, func() { db.Close() }, nil
}

// noVoucher is no code that the platform gives out.
const noVoucher = "000000000000"

// poi makes the calls without effect that the bot makes in a shop.
func (c douyinCheck) poi(ctx context.Context, a chat.Douyin, s store) {
	shop := a.At(models.Account{ShopID: s.shop.ID, AccountID: s.accountID})
	found, err := a.Client.Shops(ctx, douyin.ShopQuery{Account: shop.Account, ShopID: shop.ID})
	switch {
	case err != nil:
		c.bad(adviceDouyin(err), "douyin: store %s: its shop cannot be looked up: %v", s.name, err)
	case len(found) == 0:
		c.bad("correct shop_id (the poi_id) and account_id of the store", "douyin: store %s: account %s has no shop %s", s.name, shop.Account, shop.ID)
	}
	if err != nil || len(found) == 0 {
		return
	}
	if _, err := a.Client.Prepare(ctx, shop, noVoucher); err != nil && !errors.Is(err, douyin.Refused) {
		c.bad(adviceDouyin(err), "douyin: store %s: vouchers cannot be verified: %v", s.name, err)
		return
	}
	if _, err := a.Client.VerifyRecords(ctx, shop, douyin.RecordQuery{}); err != nil {
		c.bad(adviceDouyin(err), "douyin: store %s: verifications cannot be listed, which reconciliation needs: %v", s.name, err)
		return
	}
	c.good("douyin: store %s (%s): vouchers can be looked up, verifications be listed", s.name, found[0].Name)
}

func adviceDouyin(err error) string {
	e, ok := errors.AsType[*douyin.Error](err)
	switch {
	case !ok:
		return "see the message"
	case e.Reason == douyin.NotGranted:
		return "let the application have this capability: open.douyin.com, 控制台 → the application → 能力管理 (团购核销, 团购核销对账, 门店管理)"
	case e.Class == douyin.Reauthorize:
		return "let the merchant authorise the application: 来客 → 店铺管理 → 服务应用授权"
	case e.Call == douyin.CallToken && e.Class == douyin.Misconfigured:
		return "check client_key and client_secret in douyin:, and that this machine's address is in the application's list of IP addresses"
	case e.Class == douyin.SessionExpired:
		return "another program obtains access tokens with the same client_secret: stop it, or give it an application of its own"
	case e.Class == douyin.Throttled:
		return "too many calls just now: wait a minute and try again"
	case e.Class == douyin.Unavailable, e.Class == douyin.UnknownOutcome:
		return "the platform cannot be reached or does not work: check douyin.api_url and the network, try again"
	}
	return "check shop_id and account_id of the store; the platform's words and the log id say more"
}

// noticeAddress does what the platform does when the address of the webhook is saved.
func (c douyinCheck) noticeAddress(ctx context.Context) {
	base := c.cfg.Server.PublicURL
	if base == "" {
		c.bad("set server.public_url to the address that this server is reached at", "douyin: server.public_url is not set: notices of refunds cannot come")
		return
	}
	address := base + "/auth/douyin/notice"
	const challenge = 20261130
	body := fmt.Sprintf(`{"event":"verify_webhook","client_key":"","content":{"challenge":%d}}`, challenge)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		c.bad("correct server.public_url", "notices %s: %v", address, plain(err))
		return
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		c.bad("is serve running, and does the name in server.public_url lead to it?", "notices %s: no answer: %v", address, plain(err))
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var answer struct {
		Challenge int `json:"challenge"`
	}
	if err == nil {
		err = json.Unmarshal(bytes.TrimSpace(got), &answer)
	}
	if resp.StatusCode != http.StatusOK || err != nil || answer.Challenge != challenge {
		c.bad("restart serve with this configuration, and let the proxy pass /auth/ on", "notices %s: answers %d, and not the challenge", address, resp.StatusCode)
		return
	}
	c.good("notices %s: the challenge is answered; enter this address at the application's webhook", address)
}
