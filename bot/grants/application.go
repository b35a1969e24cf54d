package grants

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"yanquan/douyin"
	"yanquan/models"
)

// Application renews the access token of an application that has one for all of its
// shops, ahead of its end, and tells managers what only people can mend. All fields are
// needed.
type Application struct {
	Client   interface{ RenewToken(context.Context) error }
	Token    func(context.Context) (models.AppToken, error) // what is kept
	DB       *models.DB
	Tell     Teller
	Location *time.Location
	Log      *slog.Logger
}

// Watch renews the token where that is due. Managers are told once a day that the
// platform refuses the application, and once for each day on which another program
// obtained tokens with the same secret.
func (a *Application) Watch(ctx context.Context) error {
	renewal := a.Client.RenewToken(ctx)
	if renewal != nil {
		a.Log.WarnContext(ctx, "no access token for the application", "platform", "douyin", "error", renewal)
	}
	if errors.Is(renewal, douyin.Misconfigured) {
		err := a.tell(ctx, "refused", a.DB.Now(), "抖音不给接口凭证",
			"抖音的券现在不能验。多半是 client_key 或 client_secret 不对，或者服务器的出网地址不在应用的 IP 白名单里。请让维护的人核对 config.yaml 的 douyin 一节，运行 yanquan doctor 看原因。")
		if err != nil {
			return err
		}
	}
	token, err := a.Token(ctx)
	if err != nil {
		return fmt.Errorf("grants: token of the application: %w", err)
	}
	if token.DisplacedAt.IsZero() || a.DB.Now().Sub(token.DisplacedAt) > day {
		return nil
	}
	return a.tell(ctx, "displaced", token.DisplacedAt, "抖音的接口凭证被别处换掉了",
		"另一个程序在用同一个抖音应用的密钥获取凭证，两边会互相作废，抖音的券会时好时坏。请停掉另一个，或者给它单独建一个应用。")
}

// DouyinRefused is what managers are told of an account once a day, and what keeps that it
// is so: the platform refuses calls for its shop, for the merchant does not authorise the
// application, or not any more.
func DouyinRefused(account int64) string { return fmt.Sprint(DouyinRefusals, account) }

// DouyinRefusals is what all of these begin with. They are not forgotten with age.
const DouyinRefusals = "douyin refused/"

// RefusedAtDouyin reports whether calls for the shop of an account are refused, as far as
// is known: until the platform tells of a new authorisation, or something is verified.
func RefusedAtDouyin(ctx context.Context, tx *models.DB, account int64) (bool, error) {
	at, err := tx.Alerts.Told(ctx, DouyinRefused(account))
	if errors.Is(err, models.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	served, err := tx.Alerts.Consumed(ctx, account, at)
	return !served, err
}

// Refused notes that a call for the shop of an account was refused because its merchant
// does not authorise the application: the cashier has just heard that. The platform tells
// it by no message.
func (a *Application) Refused(ctx context.Context, account int64) error {
	err := a.DB.Tx(ctx, func(tx *models.DB) error {
		known, err := RefusedAtDouyin(ctx, tx, account)
		if err != nil {
			return err
		}
		if !known { // what was told before is over
			if err := tx.Alerts.Forget(ctx, DouyinRefused(account)); err != nil {
				return err
			}
		}
		fresh, err := tx.Alerts.Claim(ctx, DouyinRefused(account), day)
		if err != nil || !fresh {
			return err
		}
		s, err := tx.Directory.Store(ctx, account)
		if err != nil {
			return err
		}
		entry := models.AuditEntry{At: tx.Now(), UserID: "yanquan", Action: "session refused", StoreID: s.ID, Subject: s.Name}
		if err := tx.Audit.Record(ctx, entry); err != nil {
			return err
		}
		return a.Tell.TellManagers(ctx, tx, Notice{
			Key: DouyinRefused(account) + "/" + stamp(tx.Now()), Stores: []int64{s.ID}, Platform: "douyin", Title: titleVoid,
			Text: "「" + s.Name + "」在抖音的授权失效了，现在不能验抖音的券。请在来客后台的「服务应用授权」里重新授权我们的应用，不用在这里操作。",
		})
	})
	if err != nil {
		return fmt.Errorf("grants: refused at Douyin: %w", err)
	}
	return nil
}

func (a *Application) tell(ctx context.Context, what string, at time.Time, title, text string) error {
	key := "application/douyin/" + what + "/" + at.In(a.Location).Format(time.DateOnly)
	err := a.DB.Tx(ctx, func(tx *models.DB) error {
		return a.Tell.TellManagers(ctx, tx, Notice{Key: key, Platform: "douyin", Title: title, Text: text})
	})
	if err != nil {
		return fmt.Errorf("grants: application: %w", err)
	}
	return nil
}
