package wecom

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"yanquan/bot"
	"yanquan/bot/wecom/wecomtest"
)

type oneFile []byte

func (f oneFile) OpenFile(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f)), nil
}

// A webhook gets a notice, the rest in words, and the picture; each once, though a
// try fails half-way.
func TestWebhook(t *testing.T) {
	const key = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
	fake := wecomtest.New(wecomtest.Options{
		Users:    []wecomtest.User{{ID: "boss"}},
		Groups:   []wecomtest.Group{{ID: "wr", Members: []string{"boss"}}},
		Webhooks: []wecomtest.Webhook{{Name: "日报", Key: key, Group: "wr"}},
	})
	defer fake.Close()
	api := httptest.NewServer(fake)
	defer api.Close()
	s, err := NewSender(SenderConfig{APIURL: api.URL, FallbackURL: "https://example.com",
		Webhooks: []WebhookConfig{{Name: "day", Key: key}, {Name: "gone", Key: "gone-key"}}, Files: oneFile("\x89PNG picture")})
	if err != nil {
		t.Fatal(err)
	}
	send := func(channel string, r bot.Reply) *bot.DeliveryError {
		d := bot.Delivery{ID: "d" + r.Text, Channel: channel, Reply: r}
		d.Form = s.FirstForm(d)
		for {
			_, err := s.Deliver(t.Context(), d)
			e, failed := errors.AsType[*bot.DeliveryError](err)
			if !failed {
				return nil
			}
			if e.Downgrade == "" {
				return e
			}
			d.Form = e.Downgrade
		}
	}
	screen := func() []wecomtest.Shown { return fake.Screen(wecomtest.InGroup("wr").As("boss")) }

	card := &bot.Card{TaskID: "t1", Source: "验券", Title: "11-24 2 张 ¥99.80", Fields: []bot.Field{{Key: "店员", Value: "张三", User: "boss"}}}
	long := strings.Repeat("人民广场店 12 张 ¥598.80\n", 200)
	file := &bot.File{ID: "f", Name: "day.png", Kind: bot.Image, Size: 12}
	if e := send("webhook/day", bot.Reply{Card: card, Text: long, File: file}); e != nil {
		t.Fatal(e)
	}
	all := screen()
	if all[0].Kind != wecomtest.KindCard || all[0].Card.Title != card.Title || len(all) < 4 || all[len(all)-1].Kind != wecomtest.KindImage {
		t.Fatalf("shown: %+v", all)
	}
	for _, x := range all[1 : len(all)-1] {
		if x.Kind != wecomtest.KindMarkdown || !strings.Contains(x.Text, "人民广场店") {
			t.Errorf("%+v", x)
		}
	}
	before := len(all)
	fake.Fail(wecomtest.Fault{API: "webhook/send", Delay: 1, Times: 1}) // the first call goes through
	fake.FailNext("webhook/send", 45009, 1)
	d := bot.Delivery{ID: "again", Channel: "webhook/day", Reply: bot.Reply{Card: card, Text: "还有"}, Form: bot.AsCard}
	_, err = s.Deliver(t.Context(), d)
	if e, ok := errors.AsType[*bot.DeliveryError](err); !ok || !e.Retry || e.Reason != reasonRate {
		t.Fatalf("%v", err)
	}
	if _, err := s.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if all = screen(); len(all) != before+2 || all[before].Kind != wecomtest.KindCard || all[before+1].Text != "还有" {
		t.Errorf("after a failure half-way: %+v", all[before:])
	}
	pressed := *card
	pressed.Keys = []bot.CardKey{{Text: "好", Key: "ok"}}
	if e := send("webhook/day", bot.Reply{Card: &pressed}); e != nil {
		t.Error(e)
	} else if x := screen(); x[len(x)-1].Kind != wecomtest.KindMarkdown {
		t.Errorf("a card with buttons: %+v", x[len(x)-1])
	}
	switch e := send("webhook/gone", bot.Reply{Text: "x"}); {
	case e == nil || e.Reason != reasonConfig || !e.Retry:
		t.Errorf("a webhook that was taken away: %+v", e)
	case strings.Contains(e.Error(), "gone-key"):
		t.Errorf("tells the key: %v", e)
	}
	if n := s.PerMinute(d); n*(2+maxParts) > 20+maxParts { // a summary is a card, a picture and a text or two
		t.Errorf("%d a minute", n)
	}
}
