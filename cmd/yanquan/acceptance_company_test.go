package main

import (
	"fmt"
	"strings"
	"text/template"
)

// Rooms and stores. Everybody is a member of every group; what they may do there
// is the bot's to know.
const (
	roomA        = "wrRenMin"    // 人民广场店
	roomBoth     = "wrBoth"      // both stores
	roomStray    = "wrStray"     // no store
	roomC        = "wrJingAn"    // 静安店, once it is bound
	roomManagers = "wrDianZhang" // gets the summaries by a webhook
	private      = ""            // no group: 1:1, also with the robot

	shopA, shopB   = "shop-a", "shop-b"
	storeA, storeB = "人民广场店", "徐家汇店"

	// A store that nothing is known of at first.
	shopC, storeC = "shop-c", "静安店"
	shopD, storeD = "shop-d", "五角场店"

	publicURL = "https://yanquan.example.com"
)

// people by userid: zhangsan, lisi, zhengyi, staff01 and hero01 and so on are
// staff of A, wangwu leads it, sunba is its manager; zhaoliu works in both,
// qianqi in B; boss manages all and has no name; zhoujiu is nobody.
var people = func() map[string]string {
	all := map[string]string{
		"zhangsan": "张三", "lisi": "李四", "zhengyi": "郑一", "wangwu": "王五", "sunba": "孙八",
		"zhaoliu": "赵六", "qianqi": "钱七", "boss": "boss", "zhoujiu": "周九",
	}
	for _, user := range crowd {
		all[user] = strings.NewReplacer("staff", "员工", "hero", "店员").Replace(user)
	}
	return all
}()

// crowd are staff of store A without a part of their own.
var crowd = func() (users []string) {
	for n := range 9 {
		users = append(users, staff(n+1))
	}
	for n := range 20 {
		users = append(users, hero(n+1))
	}
	return users
}()

// staff is one of nine people to whom things happen at the same time.
func staff(n int) string { return fmt.Sprintf("staff%02d", n) }

// hero is who a chapter is about. Each has one of their own, for the bot sends
// nobody more than some messages a minute.
func hero(n int) string { return fmt.Sprintf("hero%02d", n) }

// room is a group of one person's own, bound to store A, so that answers given
// at the same time can be told apart.
func room(user string) string { return "wrRoom-" + user }

// configText is section 6.2 of the design, with the stores filled in.
var configText = template.Must(template.New("config.yaml").Parse(`
server:
  listen: "{{.Host}}:0"
  public_url: "{{.PublicURL}}"
database:
  driver: {{.Driver}}
  dsn: "{{.DSN}}"
secret_key: "${YANQUAN_SECRET_KEY}"
timezone: "{{.Zone}}"
managers: ["boss"]
watch: {{.Watch}}
wecom:
  api_url: "{{.WeComURL}}"
  corp_id: "{{.CorpID}}"
  apps:
    - name: main
      agent_id: 1000002
      secret: "${WECOM_APP_SECRET}"
      token: "${WECOM_APP_TOKEN}"
      encoding_aes_key: "${WECOM_APP_AES_KEY}"
  bots:
    - name: group
{{if .Socket}}      mode: websocket
      bot_id: "{{.BotID}}"
      secret: "${WECOM_BOT_SECRET}"
      url: "{{.SocketURL}}"
{{else}}      token: "${WECOM_BOT_TOKEN}"
      encoding_aes_key: "${WECOM_BOT_AES_KEY}"
{{end}}  webhooks:
    - name: managers
      key: "${WECOM_WEBHOOK_KEY}"
  reply_deadline: {{.ReplyDeadline}}
dianping:
  api_url: "{{.PlatformURL}}"
  auth_url: "{{.PlatformURL}}"
  app_key: "${DIANPING_APP_KEY}"
  app_secret: "${DIANPING_APP_SECRET}"
meituan:
  api_url: "{{.PlatformURL}}"
  auth_url: "{{.PlatformURL}}"
  developer_id: "${MEITUAN_DEVELOPER_ID}"
  sign_key: "${MEITUAN_SIGN_KEY}"
{{if .DouyinURL}}douyin:
  api_url: "{{.DouyinURL}}"
  client_key: "${DOUYIN_CLIENT_KEY}"
  client_secret: "${DOUYIN_CLIENT_SECRET}"
  account_id: "{{.DouyinAccount}}"
{{end}}{{if .Hook}}hooks:
  - {name: till, url: "{{.Hook}}", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [redeemed, undone], allow_private: [127.0.0.1]}
{{end}}redeem:
  call_timeout: {{.CallTimeout}}
  undo_window: {{.UndoWindow}}
{{if not .Empty}}stores:
  - name: 人民广场店
    platform: {{.Platform}}
    shop_id: "shop-a"
{{if .Session}}    session: "${SESSION_A}"
{{end}}{{if .Also}}    accounts: [{platform: {{.Also}}, shop_id: "shop-a"}]
{{end}}    chats: ["wrRenMin", "wrBoth"{{range .Rooms}}, "{{.}}"{{end}}]
    staff:
      - {userid: zhangsan, name: 张三, role: staff}
      - {userid: lisi, name: 李四, role: staff}
      - {userid: zhengyi, name: 郑一, role: staff}
{{range .Staff}}      - {userid: {{.}}, name: "{{index $.Names .}}", role: staff}
{{end}}      - {userid: wangwu, name: 王五, role: lead}
      - {userid: SunBa, name: 孙八, role: manager}
      - {userid: zhaoliu, name: 赵六, role: staff}
  - name: 徐家汇店
    platform: {{.Platform}}
    shop_id: "shop-b"
{{if .Session}}    session: "${file:{{.SessionFile}}}"
{{end}}{{if .Also}}    accounts: [{platform: {{.Also}}, shop_id: "shop-b"}]
{{end}}    chats: ["wrBoth"]
    staff:
      - {userid: qianqi, name: 钱七, role: staff}
      - {userid: zhaoliu, name: 赵六, role: staff}
{{end}}report:
  at: "{{.ReportAt}}"
`))

// unwatched switches every rule off: people here verify by the dozen, while the
// platform fails.
const unwatched = "{repeats: 0, same_phone: 0, undo_percent: 0, silent_days: 0, platform_errors: 0, doubtful: 0}"

// secrets are what must not show up anywhere; the values of the environment.
var secrets = map[string]string{
	"YANQUAN_SECRET_KEY": testKey, "DIANPING_APP_KEY": "app-key", "DIANPING_APP_SECRET": "the-app-secret-value",
	"MEITUAN_DEVELOPER_ID": "100120", "MEITUAN_SIGN_KEY": "the-sign-key-value", "SESSION_A": "session-of-shop-a",
	"WECOM_WEBHOOK_KEY": "the-webhook-key-value", "DOUYIN_CLIENT_KEY": "aw-client-key", "DOUYIN_CLIENT_SECRET": "the-client-secret-value",
}

const sessionB = "session-of-shop-b"
