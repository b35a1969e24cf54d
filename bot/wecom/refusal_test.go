package wecom

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"yanquan/bot"
)

// The ladder: what each refusal of page 90313 means on each rung of each channel.
// A refusal of the card or of the form goes one rung down, to its own reason; on
// the last rung nothing is left to try.
func TestLadder(t *testing.T) {
	t.Parallel()
	const (
		app, robot, webhook = "app/main", "bot/group", "webhook/day"
		minute              = time.Minute
	)
	down := func(reason string, next bot.Form) bot.DeliveryError {
		return bot.DeliveryError{Reason: reason, Downgrade: next}
	}
	ladders := map[string][]bot.Form{
		app:     {bot.AsUpdate, bot.AsCard, bot.AsMarkdown, bot.AsText},
		robot:   {bot.AsCard, bot.AsMarkdown, bot.AsText},
		webhook: {bot.AsCard, bot.AsMarkdown, bot.AsText},
	}
	kinds := map[string][]int{
		reasonCard: {41016, 42014, 42027, 42028, 42029, 42030, 42031, 42033, 42035, 42036, 42037, 42038, 42039,
			42040, 42041, 42042, 42043, 42044, 42045, 42046, 42047, 42049, 42050, 42051},
		reasonForm: {40008, 40058, 44004, 45002, 45003, 45004},
	}
	reply := bot.Reply{Card: &bot.Card{TaskID: "v-01", Title: "核销成功"}} // without a profile to leave out
	try := func(t *testing.T, channel string, form bot.Form, errcode int) bot.DeliveryError {
		t.Helper()
		api := newFakeAPI(t)
		for _, path := range []string{apiSend, apiUpdate, apiReply, apiWebhook} {
			api.then(path, code(errcode))
		}
		s := testSender(t, api)
		s.webhooks = map[string]string{webhook: "key"}
		d := bot.Delivery{ID: "d", Channel: channel, User: "zhangsan", Reply: reply, Form: form, Way: wayOfApp(testResponseCode), Card: "v-00"}
		if channel == robot {
			d.Way = RobotWay(api.URL + "/cgi-bin/aibot/response?response_code=x")
		}
		_, err := s.Deliver(t.Context(), d)
		e, ok := errors.AsType[*bot.DeliveryError](err)
		if !ok {
			t.Fatalf("%v", err)
		}
		return *e
	}
	check := func(t *testing.T, channel string, form bot.Form, errcode int, want bot.DeliveryError) {
		t.Run(fmt.Sprintf("%s/%s/%d", channel, form, errcode), func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, try(t, channel, form, errcode), cmpopts.IgnoreFields(bot.DeliveryError{}, "Err")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for channel, forms := range ladders {
		for reason, codes := range kinds {
			for i, form := range forms {
				want := down(reasonContent, "")
				if i < len(forms)-1 {
					want = down(reason, forms[i+1])
				}
				for _, c := range codes {
					check(t, channel, form, c, want)
				}
			}
		}
	}
	check(t, app, bot.AsUpdate, 60140, down(reasonUpdate, bot.AsCard))
	check(t, robot, bot.AsCard, 60140, down(reasonReplyURL, "")) // the one answer was given
	check(t, robot, bot.AsMarkdown, 60140, down(reasonReplyURL, ""))
	for _, form := range ladders[app] {
		check(t, app, form, 45009, bot.DeliveryError{Reason: reasonRate, Retry: true, After: afterRate})
		check(t, app, form, 60020, bot.DeliveryError{Reason: reasonAddress, Retry: true, After: minute})
		check(t, app, form, 81013, down(reasonNoReceiver, ""))
		check(t, app, form, -1, bot.DeliveryError{Reason: reasonBusy, Retry: true})
	}
	for _, form := range ladders[webhook] {
		check(t, webhook, form, 45009, bot.DeliveryError{Reason: reasonRate, Retry: true, After: afterRate})
		for _, c := range []int{93000, 93004, 93008} {
			check(t, webhook, form, c, bot.DeliveryError{Reason: reasonConfig, Retry: true, After: minute})
		}
	}
}

// What may be refused for the message itself is told from what is for the channel: for who
// sends, for the load, for an outage, for the access token.
func TestRefusedAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err   error
		alone bool
	}{
		{statusError(400), true}, {statusError(403), true}, {statusError(404), true}, {statusError(413), true}, {statusError(451), true},
		{statusError(401), false}, {statusError(407), false}, {statusError(408), false}, {statusError(429), false},
		{statusError(302), false}, {statusError(500), false}, {statusError(502), false}, {statusError(503), false},
		{errBadAnswer, true}, {tokenError{statusError(403)}, false}, {tokenError{errBadAnswer}, false}, {context.DeadlineExceeded, false}, {context.Canceled, false},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, false}, {&net.OpError{Op: "read", Err: errors.New("reset")}, false},
	} {
		if e := failed(tt.err, bot.AsCard); e.Alone != tt.alone || !e.Retry {
			t.Errorf("%v: %+v", tt.err, e)
		}
	}
}

// What is pressed is changed under the id it has; sent anew, it has its own.
func TestUpdateOfTheCardThatWasPressed(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	d := bot.Delivery{ID: "d", Channel: "app/main", User: "zhangsan", Way: wayOfApp(testResponseCode), Card: "v-00",
		Reply: bot.Reply{Card: &bot.Card{TaskID: "v-01", Title: "这张卡片不属于您的门店"}}}
	if d.Form = s.FirstForm(d); d.Form != bot.AsUpdate {
		t.Fatalf("first form %q", d.Form)
	}
	api.then(apiUpdate, code(60140))
	_, err := s.Deliver(t.Context(), d)
	e, _ := errors.AsType[*bot.DeliveryError](err)
	if e == nil || e.Reason != reasonUpdate {
		t.Fatalf("%v", err)
	}
	d.Form = e.Downgrade
	if sent, err := s.Deliver(t.Context(), d); err != nil || sent.Code == "" {
		t.Fatalf("%+v, %v", sent, err)
	}
	for i, want := range []struct{ path, id string }{{apiUpdate, "v-00"}, {apiSend, "v-01"}} {
		got := api.got[i]
		card, _ := got.Body["template_card"].(map[string]any)
		if got.Path != want.path || card["task_id"] != want.id {
			t.Errorf("%s %v, want %v", got.Path, got.Body, want)
		}
	}
}
