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
