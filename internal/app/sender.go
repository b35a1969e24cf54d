package app

import (
	"time"

	"yanquan/bot/wecom"
	"yanquan/internal/config"
)

// Sender makes what calls WeCom's API as the configured apps, for commands that
// need nothing else.
func Sender(cfg *config.Config) (*wecom.Sender, error) {
	sending := wecom.SenderConfig{Now: time.Now}
	if w := cfg.WeCom; w != nil {
		sending.APIURL = w.APIURL
		for _, a := range w.Apps {
			sending.Apps = append(sending.Apps, wecom.AppConfig{Name: a.Name, CorpID: w.CorpID, AgentID: a.AgentID, Secret: a.Secret})
		}
	}
	return wecom.NewSender(sending)
}
