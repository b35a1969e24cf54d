package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/internal/config"
)

// A voucher that staff verify and undo in a chat is told to another system, signed, in
// this order; and the bot stops in order.
func TestHooksAreTold(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	bodies := make(chan string, 16)
	till := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		bodies <- string(body)
	}))
	t.Cleanup(till.Close)
	w := setup(t, func(c *config.Config) {
		c.Hooks = []config.Hook{{Name: "till", URL: till.URL + "/hook", Secret: secret, Events: []string{"redeemed", "undone"}, AllowPrivate: []string{"127.0.0.1"}}}
	})
	code := w.voucher(t)
	where := wecomtest.InGroup("wrAbC").Mention("group")
	for _, step := range []struct{ text, card, kind string }{{"验 " + code, "核销成功", "redeemed"}, {"撤 " + code, "已撤销", "undone"}} {
		if _, err := w.wecom.Say(t.Context(), where, "zhangsan", step.text); err != nil {
			t.Fatal(err)
		}
		w.card(t, where, step.card)
		var body string
		select {
		case body = <-bodies:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s was not told", step.kind)
		}
		var event struct {
			Type string
			Data struct {
				Code  string
				Store struct{ Name string }
			}
		}
		if err := json.Unmarshal([]byte(body), &event); err != nil || event.Type != step.kind || event.Data.Code != code || event.Data.Store.Name != "人民广场店" {
			t.Errorf("%v %s", err, body)
		}
	}
	resp, err := http.Get(w.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if page, _ := io.ReadAll(resp.Body); !strings.Contains(string(page), `yanquan_deliveries_total{channel="hook/till",reason="sent"} `) {
		t.Error("the metrics do not count the first, which was taken before the second was sent")
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	if len(bodies) > 0 {
		t.Errorf("told again: %s", <-bodies)
	}
}
