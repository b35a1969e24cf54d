package demo

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/config"
)

// The made-up company: who works there, in which stores, and where they talk.

// person is a user whose phone the page shows.
type person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
	kind string // role in the configuration; "": on no roster yet
}

var people = []person{
	{ID: "xiaowang", Name: "小王", Role: "店员", kind: "staff"},
	{ID: "xiaoli", Name: "小李", Role: "店员", kind: "staff"},
	{ID: "wangdian", Name: "王店长", Role: "店长", kind: "manager"},
	{ID: "xiaozhou", Name: "小周", Role: "新同事"},
}

// chat is a conversation on the phones of its members.
type chat struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Group   bool     `json:"group"`
	Bot     string   `json:"bot"` // what the bot is called there
	Members []string `json:"members"`
	Note    string   `json:"note"` // beside the title
	Hint    string   `json:"hint"` // while nothing has been said
}

const (
	robotName = "group" // of the 智能机器人, in routes and channels
	robotShow = "验券助手"
	appName   = "main" // of the self-built app
	appShow   = "验券"
	appChat   = "app" // id of the 1:1 conversation with the app
)

const newStoreHint = "这家店还没有接入，四步就好：\n1. 王店长在「验券」单聊里发「授权」，点「新门店」，点链接选这家店\n2. 王店长在这里发「绑定」\n3. 小周在这里发「我是 小周」，王店长点同意\n4. 小周点一张试用券"

var chats = []chat{
	{
		ID: "wrRenminGuangchang", Name: "人民广场店·前台", Group: true, Bot: robotShow,
		Members: []string{"xiaowang", "xiaoli", "wangdian"}, Note: "点评接口",
		Hint: "点一张试用券，或者发「帮助」看看能做什么。",
	},
	{
		ID: "wrXujiahui", Name: "徐家汇店·前台", Group: true, Bot: robotShow,
		Members: []string{"xiaoli", "wangdian"}, Note: "美团和抖音",
		Hint: "这家店在美团和抖音都卖券，不用分是哪家的码，直接发「验 券码」。点一张试用券，或者发「帮助」。",
	},
	{
		ID: "wrHuaihai", Name: "淮海路店·前台", Group: true, Bot: robotShow,
		Members: []string{"xiaoli", "wangdian"}, Note: "抖音来客",
		Hint: "这家店只在抖音卖券。顾客念券码就发「验 券码」；出示二维码就点「拍」，照片发到和应用的单聊里。",
	},
	{
		ID: "wrWujiaochang", Name: "五角场店·前台", Group: true, Bot: robotShow,
		Members: []string{"wangdian", "xiaozhou"}, Note: "新店",
		Hint: newStoreHint,
	},
	{
		ID: "wrJingan", Name: "静安店·前台", Group: true, Bot: robotShow,
		Members: []string{"wangdian", "xiaozhou"}, Note: "新店",
		Hint: newStoreHint,
	},
	{
		ID: appChat, Name: appShow, Bot: appShow,
		Members: []string{"xiaowang", "xiaoli", "wangdian", "xiaozhou"}, Note: "应用",
		Hint: "和应用单聊，不用 @。发券码、「帮助」都可以；在两家店做事的人会先被问是哪家店。王店长在这里发「授权」「门店」「员工」。",
	},
}

// store is one of the company's shops, with the platform it sells on.
type store struct {
	ID, Name, Note string
	Chat           string
	Beside         string // the store on whose platform it sells too; it is still to be authorised
	Dialect        dianpingtest.Dialect
	token          string // its session on the fake platform
	codes          string // how its voucher codes begin
	poi            string // its poi_id at Douyin
}

var stores = []store{
	{
		ID: "renmin", Name: "人民广场店", Note: "大众点评", Chat: "wrRenminGuangchang",
		Dialect: dianpingtest.Dianping, token: "demo-session-of-renmin-guangchang", codes: "79926974",
	},
	{
		ID: "xujiahui", Name: "徐家汇店", Note: "美团（新接口）", Chat: "wrXujiahui",
		Dialect: dianpingtest.Meituan, token: "demo-token-of-xujiahui", codes: "1005202677",
	},
	{ID: "wujiaochang", Name: "五角场店", Note: "点评 · 新店", Chat: "wrWujiaochang", Beside: "renmin", Dialect: dianpingtest.Dianping, codes: "79926977"},
	{ID: "jingan", Name: "静安店", Note: "美团 · 新店", Chat: "wrJingan", Beside: "xujiahui", Dialect: dianpingtest.Meituan, codes: "1005202688"},
}

// douyinStores are shops at Douyin: one of a store that sells elsewhere, too, which its
// conversation says, and one of a store that does not.
var douyinStores = []store{
	{ID: "xujiahui-douyin", Name: "徐家汇店", Note: "抖音", Chat: "wrXujiahui", poi: "7100000000000000001", codes: "1049301815"},
	{ID: "huaihai", Name: "淮海路店", Note: "抖音", Chat: "wrHuaihai", poi: "7100000000000000002", codes: "1049301822"},
}

// Credentials of the fakes; they open nothing else.
const (
	demoAppKey       = "demo-app-key"
	demoAppSecret    = "demo-app-secret"
	demoDeveloperID  = "100000"
	demoSignKey      = "demo-sign-key"
	demoClientKey    = "demo-client-key"
	demoClientSecret = "demo-client-secret"
)

// config is what config.yaml would say.
func (w *world) config(database string) (*config.Config, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("demo: key: %w", err)
	}
	robot, ok1 := w.wecom.Robot(robotName)
	application, ok2 := w.wecom.App(appName)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("demo: the fake WeCom has lost its bots")
	}
	c := config.Default()
	c.Database.DSN = database
	c.SecretKey = base64.StdEncoding.EncodeToString(key)
	c.Server.PublicURL = w.home
	c.Server.ShutdownGrace = shutdownGrace
	c.Log.Level = "warn"
	c.WeCom = &config.WeCom{
		APIURL: w.wecomURL, CorpID: application.CorpID, ReplyDeadline: 4 * time.Second,
		Apps: []config.App{{
			Name: appName, AgentID: int64(application.AgentID), Secret: application.Secret,
			Token: application.Token, EncodingAESKey: application.EncodingAESKey,
		}},
		Bots: []config.Bot{{
			Name: robotName, DisplayName: robotShow, Token: robot.Token, EncodingAESKey: robot.EncodingAESKey,
		}},
	}
	// Longer than the mischief "slow", so that slow is not the same as lost.
	c.Redeem.CallTimeout = 5 * time.Second
	c.Report = &config.Report{At: reportTime, EmptyDays: true}
	for _, p := range people {
		if p.kind == "manager" {
			c.Managers = append(c.Managers, p.ID)
		}
	}
	for _, s := range w.shops {
		if s.main != nil {
			continue // a manager connects it, by chat
		}
		switch s.Dialect {
		case dianpingtest.Dianping:
			c.Dianping = &config.Dianping{APIURL: s.url, AuthURL: w.home + platformPath(s), AppKey: demoAppKey, AppSecret: demoAppSecret}
		case dianpingtest.Meituan:
			c.Meituan = &config.Meituan{APIURL: s.url, AuthURL: w.home + platformPath(s), DeveloperID: demoDeveloperID, SignKey: demoSignKey}
		}
		c.Stores = append(c.Stores, config.Store{
			Name: s.Name, Platform: string(s.Dialect), ShopID: s.ID, Session: s.token,
			Chats: []string{s.Chat}, Staff: staffOf(s.Chat),
		})
	}
	w.douyin.declare(c)
	return c, nil
}

// staffOf a store are the members of its group.
func staffOf(chatID string) []config.Staff {
	var staff []config.Staff
	for _, p := range people {
		if slices.Contains(chatByID(chatID).Members, p.ID) {
			staff = append(staff, config.Staff{UserID: p.ID, Name: p.Name, Role: p.kind})
		}
	}
	return staff
}

// chatByID finds a conversation; the zero chat has no members.
func chatByID(id string) chat {
	if i := slices.IndexFunc(chats, func(c chat) bool { return c.ID == id }); i >= 0 {
		return chats[i]
	}
	return chat{}
}

// where is a conversation to the fake WeCom, on one person's phone.
func where(c chat, personID string) wecomtest.Where {
	if c.Group {
		return wecomtest.InGroup(c.ID).As(personID)
	}
	return wecomtest.InApp(appName, personID)
}
