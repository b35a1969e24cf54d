//go:build unix

package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/models/modelstest"
)

// takeoverWithin is the contract: another replica is connected by then.
const takeoverWithin = 15 * time.Second

// F23: a replica that holds the long connection of a robot is killed, and another is
// frozen and comes back. It passes when the connection is another's within 15 s
// each time, what they had taken is answered once, and who comes back does not
// fight.
func TestFault23LongConnection(t *testing.T) {
	t.Parallel()
	fake := wecomtest.New(wecomtest.Options{
		Robots: []wecomtest.Robot{{Name: "long", LongConnection: true}},
		Users:  []wecomtest.User{{ID: "zhangsan", Name: "张三"}},
	})
	platform := dianpingtest.New(dianpingtest.Options{DeveloperID: secrets["MEITUAN_DEVELOPER_ID"], SignKey: secrets["MEITUAN_SIGN_KEY"]})
	api, shops := httptest.NewServer(fake), httptest.NewServer(platform)
	for _, end := range []func(){api.Close, shops.Close, fake.Close, platform.Close} {
		t.Cleanup(end)
	}
	fake.SetAPIURL(api.URL)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(platform.AddShop(dianpingtest.Shop{ID: shopA}))
	must(platform.AddSession(dianpingtest.Session{Token: "token", Dialect: dianpingtest.Meituan, Shops: []string{shopA}}))
	robot, _ := fake.Robot("long")
	own := setting{callTimeout: "1s"}
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(os.WriteFile(file, []byte(fmt.Sprintf(`
server: {listen: "127.0.0.1:0"}
database: {driver: mysql, dsn: %q}
secret_key: %q
watch: %s
wecom:
  bots: [{name: group, mode: websocket, bot_id: %q, secret: "${WECOM_BOT_SECRET}", url: %q}]
meituan: {api_url: %q, auth_url: %q, developer_id: "${MEITUAN_DEVELOPER_ID}", sign_key: "${MEITUAN_SIGN_KEY}"}
redeem: {call_timeout: %s}
stores: [{name: %s, platform: meituan, shop_id: %s, session: token, staff: [{userid: zhangsan, name: 张三}]}]
`, modelstest.MySQLDSN(t), testKey, unwatched, robot.ID, fake.SocketURL(), shops.URL, shops.URL, own.callTimeout, storeA, shopA)), 0o600))
	env := []string{"WECOM_BOT_SECRET=" + robot.Secret, "MEITUAN_DEVELOPER_ID=" + secrets["MEITUAN_DEVELOPER_ID"], "MEITUAN_SIGN_KEY=" + secrets["MEITUAN_SIGN_KEY"]}
	w := &world{T: t, setting: own, surroundings: &surroundings{
		root: t, wecom: fake, platform: platform, markets: []market{generation{platform, dianpingtest.Meituan}},
	}}
	start := func() *process {
		t.Helper()
		p, err := launch(t, builtProgram(t, ""), env, "serve", "--config", file)
		must(err)
		return p
	}
	where := wecomtest.InRobot("long", "zhangsan")
	answers := func(code string) (n int) {
		for _, s := range fake.Screen(where) {
			if s.FromBot && s.Card != nil && s.Card.Title == "核销成功" && strings.Contains(fmt.Sprintf("%+v", *s.Card), code) {
				n++
			}
		}
		return n
	}
	// verify says 验 and lets do happen while the platform is at it.
	verify := func(do func()) string {
		t.Helper()
		v, err := platform.AddVoucher(dianpingtest.Voucher{Shops: []string{shopA}})
		must(err)
		must(platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "consume", Code: v.Code, Times: 1}))
		_, err = fake.Say(w.soon(), where, "zhangsan", "验 "+v.Code)
		must(err)
		must(platform.Await(w.soon(), func() bool { return w.held("consume", v.Code) }))
		do()
		return v.Code
	}
	answered := func(code string) {
		t.Helper()
		_, err := fake.WaitFor(w.afterDeath(w.messageLease()).soon(), where, func([]wecomtest.Shown) bool { return answers(code) > 0 })
		must(err)
		if n := answers(code); n != 1 || platform.Effects(code).Consumed != 1 {
			t.Errorf("%s: %d answers, consumed %d times", code, n, platform.Effects(code).Consumed)
		}
	}

	first := start()
	must(fake.WaitConnected(w.soon(), "long"))
	second := start()
	var died time.Time
	code := verify(func() {
		must(first.signal(syscall.SIGKILL))
		<-first.exited
		died = time.Now()
	})
	must(fake.WaitConnected(w.soon(), "long"))
	took := ran(died, time.Now())
	if t.Logf("connected %s after kill -9", took.Round(time.Millisecond)); took > takeoverWithin {
		t.Errorf("later than %s", takeoverWithin)
	}
	answered(code)

	third := start()
	calls := fake.Calls("aibot_subscribe")
	connected := func() int { return strings.Count(second.stderr.String(), " msg=connected") }
	before := connected()
	code = verify(func() { must(second.signal(syscall.SIGSTOP)) })
	froze := time.Now()
	w.until(func() bool { return fake.Calls("aibot_subscribe") > calls }) // the frozen connection is still there
	took = ran(froze, time.Now())
	if t.Logf("connected %s after SIGSTOP", took.Round(time.Millisecond)); took > takeoverWithin {
		t.Errorf("later than %s", takeoverWithin)
	}
	answered(code)
	must(second.signal(syscall.SIGCONT))
	for range 2 {
		answered(verify(func() {}))
	}
	if n := connected(); before != 1 || n != before { // the other may have lost its own and opened it again
		t.Errorf("the frozen one has connected %d times before and %d times after it came back", before, n-before)
	}
	if log := second.stderr.String(); strings.Contains(log, "another program has subscribed") || strings.Contains(log, robot.Secret) {
		t.Errorf("the one who was frozen takes a replica for a stranger, or tells the secret:\n%s", log)
	}
	for _, p := range []*process{second, third} {
		must(p.signal(syscall.SIGTERM))
		must(<-p.exited)
	}
}
