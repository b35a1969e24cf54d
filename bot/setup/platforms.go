package setup

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"yanquan/dianping"
	"yanquan/douyin"
)

// Platforms by their names in config.yaml, those that a new shop takes first.
var platformNames = []string{dianping.Meituan, "douyin", dianping.Dianping}

// callTimeout is patient: one answer is waited for, and no one queues.
const callTimeout = 10 * time.Second

// platformSection is where vouchers are verified.
type platformSection struct{ section }

func (s platformSection) run(ctx context.Context) error {
	s.head("platforms")
	chosen, err := s.ask(ctx, question{key: "platforms", choices: platformNames, several: true})
	if err != nil {
		return err
	}
	for _, name := range split(chosen) {
		ask := map[string]func(context.Context) error{dianping.Meituan: s.meituan, "douyin": s.douyin, dianping.Dianping: s.dianping}[name]
		if err := ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s platformSection) meituan(ctx context.Context) error {
	var id, key string
	err := s.until(ctx, dianping.Meituan, func() (err error) {
		if id, err = s.ask(ctx, question{key: "meituan_developer_id", check: noSpace}); err == nil {
			key, err = s.ask(ctx, question{key: "meituan_sign_key", check: noSpace})
		}
		return err
	}, func() *refusal {
		client, err := dianping.NewMeituan(dianping.MeituanConfig{APIURL: s.value("meituan_api_url"), AuthURL: s.value("meituan_auth_url"), DeveloperID: id, SignKey: key, Timeout: callTimeout, Now: s.probe.Now})
		return s.keys(ctx, client, err, "meituan_developer_id", "meituan_sign_key")
	})
	if err == nil && s.public() != "" {
		s.say("meituan.paste", s.public()+"/auth/meituan/callback", s.public()+"/auth/meituan/notice")
	}
	return err
}

func (s platformSection) dianping(ctx context.Context) error {
	var key, secret string
	err := s.until(ctx, dianping.Dianping, func() (err error) {
		if key, err = s.ask(ctx, question{key: "dianping_app_key", check: noSpace}); err == nil {
			secret, err = s.ask(ctx, question{key: "dianping_app_secret", check: noSpace})
		}
		return err
	}, func() *refusal {
		client, err := dianping.NewDianping(dianping.Config{APIURL: s.value("dianping_api_url"), AuthURL: s.value("dianping_auth_url"), AppKey: key, AppSecret: secret, Timeout: callTimeout, Now: s.probe.Now})
		return s.keys(ctx, client, err, "dianping_app_key", "dianping_app_secret")
	})
	if err == nil && s.public() != "" {
		s.say("dianping.paste", s.public()+"/auth/dianping/callback")
	}
	return err
}

// keys tries those of a generation of Meituan/Dianping, and the clock.
func (s platformSection) keys(ctx context.Context, client dianping.Client, err error, keys ...string) *refusal {
	if err != nil {
		return refuse("no.keys.form", err).of(keys...)
	}
	name := s.text("name." + client.Platform())
	if err := s.probe.PlatformKeys(ctx, client); err != nil {
		e, ok := errors.AsType[*dianping.Error](err)
		switch {
		case !ok:
			return refuse("no.reach", name, err)
		case e.Class == dianping.Unavailable, e.Class == dianping.UnknownOutcome:
			return refuse("no.reach", name, e)
		case e.Class == dianping.Throttled:
			return refuse("no.throttled", name)
		}
		return refuse("no.keys", name, e).of(keys...)
	}
	s.good("keys.good", name)
	s.clock(ctx, name, s.value(client.Platform()+"_api_url"))
	return nil
}

var accountForm = regexp.MustCompile(`^[0-9]{1,64}$`)

func (s platformSection) douyin(ctx context.Context) error {
	var key, secret string
	var client *douyin.Client
	err := s.until(ctx, "douyin", func() (err error) {
		if key, err = s.ask(ctx, question{key: "douyin_client_key", check: noSpace}); err == nil {
			secret, err = s.ask(ctx, question{key: "douyin_client_secret", check: noSpace})
		}
		return err
	}, func() *refusal {
		c, err := douyin.New(douyin.Config{APIURL: s.value("douyin_api_url"), ClientKey: key, ClientSecret: secret, Timeout: callTimeout, Now: s.probe.Now})
		if err != nil {
			return refuse("no.keys.form", err).of("douyin_client_key", "douyin_client_secret")
		}
		client = c
		// Each token ends one before it, which a bot that runs may be using.
		if slices.Contains(s.kept.Passed, "douyin") && !s.anew("douyin_client_key", "douyin_client_secret") {
			return nil
		}
		return s.douyinToken(ctx, client)
	})
	if err != nil || client == nil {
		return err
	}
	if err := s.douyinAccount(ctx, client); err != nil || s.public() == "" {
		return err
	}
	path := "/auth/douyin/notice"
	_, err = s.consoles.await(ctx, saving{step: "douyin_webhook", name: "POST " + path, address: s.public() + path, answer: webhook(client)})
	return err
}

func (s platformSection) douyinToken(ctx context.Context, client *douyin.Client) *refusal {
	err := client.RenewToken(ctx)
	if err == nil {
		s.good("douyin.good")
		s.clock(ctx, s.text("name.douyin"), s.value("douyin_api_url"))
		return nil
	}
	return douyinRefusal(err, "douyin_client_key", "douyin_client_secret")
}

func douyinRefusal(err error, keys ...string) *refusal {
	e, ok := errors.AsType[*douyin.Error](err)
	switch {
	case !ok, e.Class == douyin.Unavailable, e.Class == douyin.UnknownOutcome:
		return refuse("no.douyin.reach", err)
	case e.Class == douyin.Throttled:
		return refuse("no.douyin.throttled")
	case e.Class == douyin.Reauthorize:
		return refuse("no.douyin.merchant", e).of(keys...)
	case e.Reason == douyin.NotGranted:
		return refuse("no.douyin.granted", e)
	}
	return refuse("no.douyin", e).of(keys...)
}

// douyinAccount asks for the account whose shops are offered, and looks them up.
func (s platformSection) douyinAccount(ctx context.Context, client *douyin.Client) error {
	var account string
	return s.until(ctx, "douyin_account", func() (err error) {
		account, err = s.ask(ctx, question{key: "douyin_account_id", maybe: true, check: func(text string) *refusal {
			if !accountForm.MatchString(text) {
				return refuse("no.account.form")
			}
			return nil
		}})
		return err
	}, func() *refusal {
		if account == "" || slices.Contains(s.kept.Passed, "douyin_account") && !s.anew("douyin_account_id") {
			return nil
		}
		shops, err := client.Shops(ctx, douyin.ShopQuery{Account: account})
		switch {
		case err != nil:
			return douyinRefusal(err, "douyin_account_id")
		case len(shops) == 0:
			return refuse("no.douyin.shops", account).of("douyin_account_id")
		}
		var names []string
		for _, s := range shops[:min(len(shops), 3)] {
			names = append(names, s.Name)
		}
		s.good("douyin.shops", len(shops), strings.Join(names, "、"))
		return nil
	})
}
