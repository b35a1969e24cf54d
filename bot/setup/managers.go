package setup

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"

	"yanquan/bot"
	"yanquan/bot/wecom"
	"yanquan/internal/config"
)

// managerSection is who manages all stores.
type managerSection struct{ section }

func (s managerSection) run(ctx context.Context) error {
	s.head("people")
	sender, err := s.sender()
	if err != nil {
		return err
	}
	var ids []string
	return s.until(ctx, "managers", func() error {
		text, err := s.ask(ctx, question{key: "managers", maybe: true, check: userIDs})
		ids = split(text)
		return err
	}, func() *refusal {
		if len(ids) == 0 {
			s.warn("managers.none")
			return nil
		}
		if sender == nil || slices.Contains(s.kept.PutOff, "corp") || slices.Contains(s.kept.PutOff, "trusted_ip") {
			return nil
		}
		for _, id := range ids {
			name, err := sender.Name(ctx, id)
			switch {
			case err != nil:
				return refuse("no.name", id, wecom.Code(err))
			case name == "":
				return refuse("no.member", id).of("managers")
			}
			s.good("member.good", id, name)
		}
		return nil
	})
}

// sender sends by the app; nil where there is none.
func (s managerSection) sender() (*wecom.Sender, error) {
	agent, err := strconv.ParseInt(s.value("agent_id"), 10, 64)
	if s.value("app") != "yes" || s.public() == "" || err != nil {
		return nil, nil
	}
	return wecom.NewSender(wecom.SenderConfig{APIURL: s.value("wecom_api_url"), Now: s.probe.Now,
		Apps: []wecom.AppConfig{{Name: appName, CorpID: s.value("corp_id"), AgentID: agent, Secret: s.value("app_secret")}}})
}

// split parts a list as people write them.
func split(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,，、;；", r) })
}

func userIDs(text string) *refusal {
	seen := map[string]bool{}
	for _, id := range split(text) {
		switch {
		case !userIDForm.MatchString(id):
			return refuse("no.userid.form", id)
		case seen[strings.ToLower(id)]:
			return refuse("no.userid.twice", id)
		}
		seen[strings.ToLower(id)] = true
	}
	if len(seen) == 0 {
		return refuse("no.empty")
	}
	return nil
}

// first sends the first message to the first manager.
func (s managerSection) first(ctx context.Context, cfg *config.Config) error {
	if len(cfg.Managers) == 0 {
		return nil
	}
	sender, err := s.sender()
	if err != nil {
		return err
	}
	if sender == nil {
		if s.value("robot") == "none" {
			return nil
		}
		s.say("first.robot", cfg.Managers[0])
		return nil
	}
	delete(s.kept.Answers, "first_message") // it is asked each time
	wanted, err := s.yes(ctx, "first_message", "yes", cfg.Managers[0])
	if err != nil || !wanted {
		return err
	}
	out := bot.Delivery{ID: rand.Text(), Channel: string(wecom.AppChannel) + "/" + appName, User: cfg.Managers[0], Reply: bot.Reply{Text: s.text("first.text")}, Form: bot.AsText}
	if _, err := sender.Deliver(ctx, out); err != nil {
		no := s.notSent(err)
		s.line("✗ ", "no.first", []any{s.text(no.why, no.args...)})
		return nil
	}
	s.good("first.sent", cfg.Managers[0])
	return nil
}

// notSent says why the first message was not sent.
func (s managerSection) notSent(err error) *refusal {
	switch code := wecom.Code(err); code {
	case 0:
		return refuse("no.reach", s.value("wecom_api_url"), err)
	case 60020:
		return refuse("no.trusted", wecom.CallerIP(err.Error()))
	case 40001, 40013, 40014, 42001:
		return refuse("no.secret", code)
	case 40056, 301002:
		return refuse("no.agent.other", code)
	case 45009, 45033:
		return refuse("no.busy", code)
	default:
		return refuse("no.code", code, "message/send")
	}
}
