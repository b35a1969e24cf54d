package app

import (
	"time"

	"yanquan/bot/notice"
	"yanquan/bot/server"
	"yanquan/bot/wecom"
	"yanquan/internal/config"
	"yanquan/models"
)

// channels are the ways to WeCom and from there, as they are configured.
type channels struct {
	apps    map[string]server.AppCallback
	robots  map[string]server.RobotCallback
	sockets []*wecom.Socket

	sending  wecom.SenderConfig
	webhooks []notice.Webhook
	deadline time.Duration // of answers to callbacks
}

func newChannels(db *models.DB, cfg *config.Config, o Options, base string, metrics *server.Metrics) (*channels, error) {
	c := &channels{apps: map[string]server.AppCallback{}, robots: map[string]server.RobotCallback{}}
	c.sending = wecom.SenderConfig{FallbackURL: base, Files: db.Files, Now: db.Now}
	w := cfg.WeCom
	if w == nil {
		return c, nil
	}
	c.sending.APIURL, c.sending.Mention, c.deadline = w.APIURL, w.Mention, w.ReplyDeadline
	for _, a := range w.Apps {
		if err := c.addApp(a, *w, o.Now); err != nil {
			return nil, err
		}
	}
	holder := holderName()
	for _, b := range w.Bots {
		if b.Mode != config.ModeWebSocket {
			if err := c.addRobot(b, *w, base, o.Now); err != nil {
				return nil, err
			}
			continue
		}
		socket, err := newSocket(b, *w, db, base, holder, metrics, o.Log)
		if err != nil {
			return nil, err
		}
		c.sockets = append(c.sockets, socket)
	}
	for _, h := range w.Webhooks {
		c.sending.Webhooks = append(c.sending.Webhooks, wecom.WebhookConfig{Name: h.Name, Key: h.Key})
		c.webhooks = append(c.webhooks, notice.Webhook{Channel: string(wecom.WebhookChannel) + "/" + h.Name, Stores: h.Stores, Notices: h.Notices})
	}
	c.sending.Sockets = c.sockets
	return c, nil
}

func (c *channels) addApp(a config.App, w config.WeCom, now func() time.Time) error {
	ac := wecom.AppConfig{
		Name: a.Name, CorpID: w.CorpID, AgentID: a.AgentID, Secret: a.Secret,
		Token: a.Token, EncodingAESKey: a.EncodingAESKey, Now: now,
	}
	app, err := wecom.NewApp(ac)
	if err != nil {
		return err
	}
	c.apps[a.Name] = app
	c.sending.Apps = append(c.sending.Apps, ac)
	return nil
}

func (c *channels) addRobot(b config.Bot, w config.WeCom, base string, now func() time.Time) error {
	rc := wecom.RobotConfig{
		Name: b.Name, Token: b.Token, EncodingAESKey: b.EncodingAESKey,
		DisplayName: b.DisplayName, Mention: w.Mention, FallbackURL: base, CorpID: w.CorpID, Now: now,
	}
	robot, err := wecom.NewRobot(rc)
	if err != nil {
		return err
	}
	c.robots[b.Name] = robot
	c.sending.Robots = append(c.sending.Robots, rc)
	return nil
}

// notices is the channel by which managers are told of what they have not asked for;
// "": there is none.
func (c *channels) notices() string {
	switch {
	case len(c.sending.Apps) > 0:
		return string(wecom.AppChannel) + "/" + c.sending.Apps[0].Name
	case len(c.sockets) > 0: // it reaches managers who have written to it
		return c.sockets[0].Channel()
	}
	return ""
}

// noticesByRobot reports whether that channel is a robot's.
func (c *channels) noticesByRobot() bool { return len(c.sending.Apps) == 0 && len(c.sockets) > 0 }
