package setup

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"yanquan/bot/doctor"
	"yanquan/bot/wecom"
)

// Names of the app and the robot, which are part of their addresses.
const (
	appName   = "main"
	robotName = "group"
)

// robotSection is the 智能机器人 of the groups.
type robotSection struct{ section }

func (s robotSection) run(ctx context.Context) error {
	s.head("robot")
	choices := []string{"url", "websocket", "none"}
	if s.public() == "" {
		choices = choices[1:] // WeCom cannot call
	}
	mode, err := s.ask(ctx, question{key: "robot", choices: choices})
	switch {
	case err != nil:
		return err
	case mode == "websocket":
		return s.bySocket(ctx)
	case mode == "url":
		return s.byURL(ctx)
	}
	return nil
}

var (
	tokenForm  = regexp.MustCompile(`^[0-9A-Za-z]{3,32}$`)
	corpForm   = regexp.MustCompile(`^[0-9A-Za-z_-]{10,64}$`)
	userIDForm = regexp.MustCompile(`^[^\s/|,，、]{1,64}$`)
)

func callbackToken(text string) *refusal {
	if no := noSpace(text); no != nil {
		return no
	}
	if !tokenForm.MatchString(text) {
		return refuse("no.token.form", utf8.RuneCountInString(text))
	}
	return nil
}

func aesKey(text string) *refusal {
	if no := noSpace(text); no != nil {
		return no
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if len(text) != 43 || err != nil || len(raw) != 32 {
		return refuse("no.aes.form", utf8.RuneCountInString(text))
	}
	return nil
}

func (s robotSection) byURL(ctx context.Context) error {
	return s.consoles.saved(ctx, "bot_token", "bot_aes_key", func(token, key string) (saving, error) {
		robot, err := wecom.NewRobot(wecom.RobotConfig{Name: robotName, Token: token, EncodingAESKey: key, CorpID: unless(s.value("corp_id")), Now: s.probe.Now})
		if err != nil {
			return saving{}, err
		}
		return s.consoles.saving("bot_callback", "bot", robotName, robot.VerifyURL, func(err error) *refusal { return mistake(err, "bot_token", "bot_aes_key") }), nil
	})
}

func (s robotSection) bySocket(ctx context.Context) error {
	var id, secret string
	return s.until(ctx, "bot_socket", func() (err error) {
		if id, err = s.ask(ctx, question{key: "bot_id", check: noSpace}); err == nil {
			secret, err = s.ask(ctx, question{key: "bot_secret", check: noSpace})
		}
		return err
	}, func() *refusal {
		err := wecom.TrySocket(ctx, s.value("bot_socket_url"), id, secret, rand.Text(), s.probe.HTTP)
		switch code := wecom.Code(err); {
		case err == nil:
			s.good("socket.good")
			return nil
		case code == 48002:
			return refuse("no.socket.mode")
		case code == 45009:
			return refuse("no.busy", code)
		case code != 0:
			return refuse("no.socket", code).of("bot_id", "bot_secret")
		}
		return refuse("no.reach", s.value("bot_socket_url"), err)
	})
}

func noSpace(text string) *refusal {
	if strings.ContainsFunc(text, unicode.IsSpace) {
		return refuse("no.space")
	}
	return nil
}

// appSection is the self-built app of 1:1 chats, by which managers are told as well.
type appSection struct{ section }

func (s appSection) run(ctx context.Context) error {
	if s.public() == "" {
		return nil // WeCom cannot call
	}
	s.head("app")
	wanted, err := s.yes(ctx, "app", "yes")
	if err != nil || !wanted {
		return err
	}
	var corp, secret, token string
	var agent int64
	err = s.until(ctx, "corp", func() (err error) {
		if corp, err = s.ask(ctx, question{key: "corp_id", check: corpID}); err != nil {
			return err
		}
		if agent, err = s.agentID(ctx); err == nil {
			secret, err = s.ask(ctx, question{key: "app_secret", check: noSpace})
		}
		return err
	}, func() (no *refusal) {
		if token, no = s.token(ctx, corp, secret); no == nil {
			s.good("corp.good")
			s.clock(ctx, s.text("name.wecom"), s.value("wecom_api_url"))
		}
		return no
	})
	if err != nil {
		return err
	}
	err = s.consoles.saved(ctx, "app_token", "app_aes_key", func(callbackToken, key string) (saving, error) {
		app, err := wecom.NewApp(wecom.AppConfig{Name: appName, CorpID: corp, AgentID: agent, Token: callbackToken, EncodingAESKey: key, Now: s.probe.Now})
		if err != nil {
			return saving{}, err
		}
		return s.consoles.saving("app_callback", "app", appName, app.VerifyURL, func(err error) *refusal { return mistake(err, "app_token", "app_aes_key", "corp_id") }), nil
	})
	if err != nil || token == "" {
		return err
	}
	// Only now: the console takes trusted addresses once there is a callback.
	return s.until(ctx, "trusted_ip", func() (err error) {
		agent, err = s.agentID(ctx)
		return err
	}, func() *refusal { return s.trusted(ctx, corp, secret, agent) })
}

func corpID(text string) *refusal {
	if !corpForm.MatchString(text) {
		return refuse("no.corp.form")
	}
	return nil
}

func (s appSection) agentID(ctx context.Context) (int64, error) {
	text, err := s.ask(ctx, question{key: "agent_id", check: func(text string) *refusal {
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n <= 0 {
			return refuse("no.agent.form")
		}
		return nil
	}})
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

func (s appSection) token(ctx context.Context, corp, secret string) (string, *refusal) {
	token, err := s.probe.AppToken(ctx, s.value("wecom_api_url"), corp, secret)
	if err == nil {
		return token, nil
	}
	var t *doctor.Trouble
	errors.As(err, &t)
	switch {
	case t.Kind == doctor.NotTrusted:
		return "", refuse("no.trusted", t.Answer)
	case t.Code == 40013:
		return "", refuse("no.corp", t.Code).of("corp_id")
	case t.Code == 40001:
		return "", refuse("no.secret", t.Code).of("app_secret")
	case t.Kind == doctor.Busy:
		return "", refuse("no.busy", t.Code)
	case t.Code != 0:
		return "", refuse("no.code", t.Code, t.Answer).of("corp_id", "app_secret")
	}
	return "", refuse("no.reach", s.value("wecom_api_url"), t.Err)
}

// trusted asks with an app's token what shows whether this machine may send.
func (s appSection) trusted(ctx context.Context, corp, secret string, agent int64) *refusal {
	token, no := s.token(ctx, corp, secret)
	if no != nil {
		return no
	}
	_, err := s.probe.Agent(ctx, s.value("wecom_api_url"), token, agent)
	if err == nil {
		s.good("trusted.good")
		return nil
	}
	var t *doctor.Trouble
	errors.As(err, &t)
	switch {
	case t.Kind == doctor.NotTrusted:
		return refuse("no.trusted", t.Answer)
	case t.Kind == doctor.OtherAgent:
		return refuse("no.agent", agent, t.Code).of("agent_id")
	case t.Code != 0:
		return refuse("no.code", t.Code, t.Answer)
	}
	return refuse("no.reach", s.value("wecom_api_url"), t.Err)
}
