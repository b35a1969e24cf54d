package wecomtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"yanquan/bot/wecom/wecomtest"
)

// Many people at once, over both channels, with a reader beside them: nothing is
// lost, nothing is shown twice, and every id is its own.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const people, each = 12, 5
	w := setup(t, func(o *wecomtest.Options) {
		for i := range people {
			id := fmt.Sprintf("staff%d", i)
			o.Users = append(o.Users, wecomtest.User{ID: id})
			o.Groups[0].Members = append(o.Groups[0].Members, id)
		}
	})
	group := wecomtest.InGroup("wrAbC")
	w.robot.handle(func(rw http.ResponseWriter, _ *http.Request, in received) {
		id, _ := in.json["msgid"].(string)
		_, _ = io.WriteString(rw, w.robot.keys.robotAnswer(in.query["nonce"], cardMessage(id, in.json["text"].(map[string]any)["content"].(string))))
	})
	token := w.token(t)

	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		since := w.Version()
		for {
			select {
			case <-w.Changed(since):
				since = w.Version()
				w.Screen(group)
				w.Deliveries()
			case <-stop:
				return
			}
		}
	})
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			user := fmt.Sprintf("staff%d", i)
			for n := range each {
				out, err := w.Say(ctx, group.Mention("group"), user, fmt.Sprintf("验 %d-%d", i, n))
				if err != nil || !out.Delivery().Accepted() {
					t.Errorf("%s: %+v, %v", user, out, err)
				}
				if _, err := w.Say(ctx, wecomtest.InApp("main", ""), user, "今日"); err != nil {
					t.Error(err)
				}
				resp, err := http.Post(w.api.URL+"/cgi-bin/message/send?access_token="+token, "application/json", strings.NewReader(textTo(user, "日报")))
				if err != nil {
					t.Error(err)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	close(stop)
	reader.Wait()

	screen := w.Screen(group)
	if len(screen) != people*each*2 {
		t.Errorf("%d bubbles in the group", len(screen))
	}
	ids, titles := map[string]bool{}, map[string]bool{}
	for i, s := range screen {
		if ids[s.ID] || i > 0 && s.Seq <= screen[i-1].Seq {
			t.Errorf("bubble %d: id %s, seq %d", i, s.ID, s.Seq)
		}
		ids[s.ID] = true
		if s.Card != nil {
			titles[s.Card.Title] = true
		}
	}
	if len(titles) != people*each {
		t.Errorf("%d different cards", len(titles))
	}
	for i := range people {
		if n := len(w.Screen(wecomtest.InApp("main", fmt.Sprintf("staff%d", i)))); n != each*2 {
			t.Errorf("staff%d sees %d", i, n)
		}
	}
	w.wantNoRefusals(t)
}
