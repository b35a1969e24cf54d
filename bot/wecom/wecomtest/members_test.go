package wecomtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/wecom/wecomtest"
)

func TestUserIDs(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.Apps[0].Visible = []string{"zhangsan"} })
	path := "/cgi-bin/batch/openuserid_to_userid?access_token=" + w.token(t)
	zhang, li := w.OpenUserID("ZHANGSAN"), w.OpenUserID("lisi")
	if zhang == "" || zhang == li || !strings.HasPrefix(zhang, "wo") || w.OpenUserID("nobody") != "" {
		t.Errorf("ids %q, %q, %q", zhang, li, w.OpenUserID("nobody"))
	}
	w.AddUser(wecomtest.User{ID: "ZhangSan", Name: "张三丰"})
	if w.OpenUserID("zhangsan") != zhang {
		t.Error("a new name made a new id")
	}
	out := w.post(t, path, fmt.Sprintf(`{"open_userid_list":[%q,%q,"zhangsan",%q]}`, zhang, li, strings.ToLower(zhang)))
	wantCode(t, out, 0)
	want := map[string]any{"errcode": 0.0, "errmsg": "ok", "userid_list": []any{map[string]any{"open_userid": zhang, "userid": "ZhangSan"}},
		"invalid_open_userid_list": []any{"zhangsan", strings.ToLower(zhang)}}
	if d := cmp.Diff(want, out); d != "" {
		t.Error(d)
	}

	list := func(n int) string { return `{"open_userid_list":["x"` + strings.Repeat(`,"x"`, n-1) + `]}` }
	for _, c := range []struct {
		body string
		code int
	}{
		{list(1000), 0}, {list(1001), 40031}, {`{"open_userid_list":[]}`, 40031}, {`{}`, 40031},
		{`{"open_userid_list":"x"}`, 40058}, {`{"open_userid_list":[1]}`, 40058}, {`[]`, 40058},
	} {
		wantCode(t, w.post(t, path, c.body), c.code)
	}
	wantCode(t, w.get(t, path), 40058)
	wantCode(t, w.post(t, "/cgi-bin/batch/openuserid_to_userid", list(1)), 41001)
	w.SetTrustedIPs([]string{"203.0.113.7"})
	wantCode(t, w.post(t, path, list(1)), 60020)
}

func TestNoContacts(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.Apps[0].NoContacts = true })
	token := w.token(t)
	wantCode(t, w.get(t, "/cgi-bin/user/get?userid=lisi&access_token="+token), 48002)
	wantCode(t, w.post(t, "/cgi-bin/batch/openuserid_to_userid?access_token="+token, `{"open_userid_list":["lisi"]}`), 48002)
	wantCode(t, w.send(t, textTo("lisi", "日报")), 0)
}

// TestRobotIsGivenEncryptedIDs: in messages and clicks, and it must use them itself.
func TestRobotIsGivenEncryptedIDs(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *wecomtest.Options) { o.Robots[0].OpenUserIDs = true })
	group := wecomtest.InGroup("wrAbC")
	card := w.robotCard(t, group.Mention("group"), "t1")
	for _, step := range []struct{ ids, lisi, zhangsan string }{
		{`["lisi"]`, "券", "券"}, // not the kind of id it is given
		{`["` + w.OpenUserID("lisi") + `"]`, "只给李四", "券"},
	} {
		w.robot.answers(`{"response_type":"update_template_card","userids":` + step.ids + `,"template_card":` + buttonCard("t1", "只给李四") + `}`)
		_, err := w.Press(ctx, group, "lisi", card.ID, "undo:1")
		must(t, err)
		for user, want := range map[string]string{"lisi": step.lisi, "zhangsan": step.zhangsan} {
			if s, _ := w.Find(card.ID, user); s.Card.Title != want {
				t.Errorf("updated for %s: %s sees %q, want %q", step.ids, user, s.Card.Title, want)
			}
		}
	}
	for _, in := range w.robot.received() {
		if d := cmp.Diff(map[string]any{"userid": w.OpenUserID("lisi")}, in.json["from"]); d != "" {
			t.Error(d)
		}
	}
	w.wantNoRefusals(t)
}
