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

func (f oneFile) Open(context.Context, string) (io.ReadCloser, error) {
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
}

// Whatever a delivery is, so many of them are within a minute's 20 messages.
func TestWebhookPerMinute(t *testing.T) {
	t.Parallel()
	s := &Sender{files: oneFile("picture"), fallbackURL: "https://example.com"}
	table := &bot.Table{Title: "11-24", Head: []string{"门店", "张数"}}
	for range 500 {
		table.Rows = append(table.Rows, []string{"人民广场店", "12"})
	}
	most := bot.Reply{
		Card: &bot.Card{Title: "11-24", Text: strings.Repeat("字", 500)}, Text: strings.Repeat("人民广场店 12 张 ¥598.80\n", 5000),
		Table: table, File: &bot.File{ID: "f", Name: "day.png", Kind: bot.Image, Size: 12},
	}
	for _, form := range []bot.Form{bot.AsCard, bot.AsMarkdown, bot.AsText} {
		d := bot.Delivery{ID: "d", Channel: "webhook/day", Reply: most, Form: form}
		calls, refusal := s.webhookCalls(t.Context(), d)
		if refusal != nil || len(calls) > maxWebhookMessages || len(calls)*s.PerMinute(d) > 20 || s.PerMinute(d) < 1 {
			t.Errorf("%s: %d messages, %d times a minute; %v", form, len(calls), s.PerMinute(d), refusal)
		}
		for _, c := range calls {
			if c.Markdown != nil && len(c.Markdown.Content) > 4096 || c.MarkdownV2 != nil && len(c.MarkdownV2.Content) > 4096 {
				t.Errorf("%s: a message is too long", form)
			}
		}
	}
}

// Where there are several stores, a table is shown; a webhook that does not know
// tables gets the rest all the same.
func TestWebhookTable(t *testing.T) {
	t.Parallel()
	reply := bot.Reply{
		Card: &bot.Card{Title: "11-24 42 张 ¥2095.80"}, Text: "**门店**\n人民广场店 30 张 ¥1497.00",
		Table: &bot.Table{Title: "11-24 各门店", Head: []string{"门店", "张数", "金额", "撤销"}, Rows: [][]string{
			{"人民广场店", "30", "¥1497.00", "0"}, {"a|b *店*\n<@boss>", "12", "¥598.80", "2"},
		}},
	}
	for errcode, want := range map[int]struct {
		refused string
		reason  string
		kinds   string
	}{
		0:     {kinds: "template_card markdown_v2 markdown"},
		40008: {refused: reasonTable, kinds: "template_card markdown_v2 markdown"},
		40058: {refused: reasonTable, kinds: "template_card markdown_v2 markdown"},
		45009: {reason: reasonRate, kinds: "template_card markdown_v2"},
	} {
		api := newFakeAPI(t)
		api.then(apiWebhook, code(0), code(errcode))
		s, err := NewSender(SenderConfig{APIURL: api.URL, FallbackURL: "https://example.com", Webhooks: []WebhookConfig{{Name: "day", Key: "k"}}})
		if err != nil {
			t.Fatal(err)
		}
		sent, err := s.Deliver(t.Context(), bot.Delivery{ID: "d", Channel: "webhook/day", Reply: reply, Form: bot.AsCard})
		reason := ""
		if e, ok := errors.AsType[*bot.DeliveryError](err); ok {
			reason = e.Reason
		}
		var kinds []string
		for _, r := range api.requests() {
			kinds = append(kinds, r.Body["msgtype"].(string))
			if v2, ok := r.Body["markdown_v2"].(map[string]any); ok {
				golden(t, "sends/table.webhook.md", []byte(v2["content"].(string)+"\n"))
			}
		}
		if reason != want.reason || sent.Refused != want.refused || strings.Join(kinds, " ") != want.kinds {
			t.Errorf("%d: %q, refused %q, sent %v", errcode, reason, sent.Refused, kinds)
		}
	}
}
