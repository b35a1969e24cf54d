package wecomtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// App is a self-built app (自建应用): XML callbacks, 1:1 chats only.
type App struct {
	Name           string // what people and tests call it
	CorpID         string
	AgentID        int
	Secret         string
	Token          string
	EncodingAESKey string
	CallbackURL    string
	Visible        []string // userids in its visible range; nil: everybody
	NoContacts     bool     // has no right to ask about members: 48002
	TrustedDomain  string   // 可信域名 and 授权回调域, where pages know their visitors; "": nowhere
}

// Robot is a 智能机器人: JSON callbacks to a URL or over a long connection, 1:1
// chats and groups.
type Robot struct {
	Name           string
	DisplayName    string // what is typed after @; default Name
	ID             string // aibotid, and the bot_id of a long connection
	Token          string
	EncodingAESKey string
	CallbackURL    string
	// LongConnection: it opens a connection to SocketURL with ID and Secret; Token,
	// EncodingAESKey and CallbackURL mean nothing (page 101463).
	LongConnection bool
	Secret         string // of the long connection only
	// Usable are the members who may talk to it (可使用的成员); nil: everybody.
	// Messages of others vanish without a word.
	Usable []string
	// OpenUserIDs gives it encrypted ids in the place of userids (page 101521).
	OpenUserIDs bool
}

// User is a member of the corporation. Ids are compared without regard to case.
type User struct {
	ID   string `json:"userid"`
	Name string `json:"name"`
}

// Group is an internal group chat. Its id is case-sensitive.
type Group struct {
	ID      string   `json:"chatid"`
	Name    string   `json:"name"`
	Members []string `json:"members"`
	Robots  []string `json:"robots"` // names of robots
}

// memberOf is one person's relation to one bot.
type memberOf struct {
	bot  *bot
	user string
}

// bot is an app or a robot.
type bot struct {
	kind      string // "app", "robot" or "webhook"
	name      string
	title     string // what people see
	token     string
	key       []byte
	keyErr    error
	receiveID string
	url       string
	tasks     map[string]bool // task ids ever used
	app       App
	robot     Robot
	webhook   Webhook
	pushed    []time.Time // of a webhook, within the last minute
	menu      []MenuEntry // of an app, made by menu/create; nil: none

	// Of a robot with a long connection.
	socket     *socket // that is subscribed; nil: none
	elsewhere  bool    // subscribed by another client
	subscribed []time.Time
	kicks      int // subscribers still to be kicked
	duplicates int // callbacks still to be sent twice
	waiting    []*callback
}

func (b *bot) String() string { return b.kind + "/" + b.name }

func (b *bot) isApp() bool { return b.kind == "app" }

// long reports whether the bot is a robot with a long connection.
func (b *bot) long() bool { return b.robot.LongConnection }

// has reports whether a robot is in a group.
func (g Group) has(b *bot) bool { return slices.Contains(g.Robots, b.name) }

// usableBy reports whether a member may use the bot at all.
func (b *bot) usableBy(user string) bool {
	list := b.app.Visible
	if !b.isApp() {
		list = b.robot.Usable
	}
	return list == nil || slices.ContainsFunc(list, func(u string) bool { return strings.EqualFold(u, user) })
}

func (w *WeCom) addApp(a App, corp string) {
	if a.CorpID == "" {
		a.CorpID = corp
	}
	if a.AgentID == 0 {
		a.AgentID = 1000002 + len(w.apps)
	}
	a.Secret = w.orNewID(a.Secret, 43)
	a.Token = w.orNewID(a.Token, 24)
	a.EncodingAESKey = w.orNewID(a.EncodingAESKey, 43)
	key, err := decodeKey(a.EncodingAESKey)
	w.apps[a.Name] = &bot{kind: "app", name: a.Name, title: a.Name, token: a.Token, key: key, keyErr: err,
		receiveID: a.CorpID, url: a.CallbackURL, tasks: map[string]bool{}, app: a}
}

func (w *WeCom) addRobot(r Robot) {
	if r.DisplayName == "" {
		r.DisplayName = r.Name
	}
	if r.ID == "" {
		r.ID = "aib" + w.newID(31)
	}
	if r.LongConnection {
		r.Secret = w.orNewID(r.Secret, 43)
		w.robots[r.Name] = &bot{kind: "robot", name: r.Name, title: r.DisplayName, tasks: map[string]bool{}, robot: r}
		return
	}
	r.Token = w.orNewID(r.Token, 24)
	r.EncodingAESKey = w.orNewID(r.EncodingAESKey, 43)
	key, err := decodeKey(r.EncodingAESKey)
	// receiveid of an internal robot is the empty string (page 101033).
	w.robots[r.Name] = &bot{kind: "robot", name: r.Name, title: r.DisplayName, token: r.Token, key: key, keyErr: err,
		url: r.CallbackURL, tasks: map[string]bool{}, robot: r}
}

// App tells an app with everything that was made up for it.
func (w *WeCom) App(name string) (App, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.apps[name]
	if !ok {
		return App{}, false
	}
	a := b.app
	a.CallbackURL = b.url
	return a, true
}

// Robot tells a robot with everything that was made up for it.
func (w *WeCom) Robot(name string) (Robot, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.robots[name]
	if !ok {
		return Robot{}, false
	}
	r := b.robot
	r.CallbackURL = b.url
	return r, true
}

// AddUser adds a member, or renames one.
func (w *WeCom) AddUser(u User) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users[fold(u.ID)] = u
	if w.openIDs[fold(u.ID)] == "" {
		id := "wo" + w.newID(30)
		w.openIDs[fold(u.ID)], w.byOpenID[id] = id, fold(u.ID)
	}
	w.bump()
}

// AddGroup adds a group, or replaces its name, members and robots.
func (w *WeCom) AddGroup(g Group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g.Members, g.Robots = slices.Clone(g.Members), slices.Clone(g.Robots)
	w.groups[g.ID] = g
	w.bump()
}

// SetCallbackURL sets where the callbacks of an app or a robot go from now on,
// repeats of older ones included.
func (w *WeCom) SetCallbackURL(where Where, callback string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.botOf(where)
	if err != nil {
		return err
	}
	if b.long() {
		return fmt.Errorf("%w: %s has a long connection and no URL", ErrNotThere, b)
	}
	b.url = callback
	return nil
}
