package wecom

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"yanquan/bot"
)

// DefaultAPIURL is where WeCom's API lives.
const DefaultAPIURL = "https://qyapi.weixin.qq.com"

// SenderConfig describes where and as whom to send.
type SenderConfig struct {
	APIURL   string // "": DefaultAPIURL
	Apps     []AppConfig
	Robots   []RobotConfig // for the pictures that are sent to them; only names and keys matter
	Webhooks []WebhookConfig
	Sockets  []*Socket
	// FallbackURL: see [RobotConfig.FallbackURL].
	FallbackURL string
	Mention     bool             // see [RobotConfig.Mention]
	Files       Files            // nil: files go out as links
	Now         func() time.Time // the clock of [bot.Delivery.Asked]; nil: time.Now
}

// Sender delivers answers by WeCom's API, and asks it who people are and for the
// pictures they send. It implements [bot.Courier], [bot.Directory] and
// [bot.Pictures], and is safe for concurrent use.
//
// An app's answer may take several messages: the card, then what did not fit on
// it as markdown. Where a later one fails, the next try of the same delivery
// goes on there; after a restart it begins anew. A try whose outcome is not
// known is repeated: WeCom's duplicate check swallows the repeat. What makes a
// message unlike any other is the task id of a card, the media id of a file, and
// the mark at the end of a text.
//
// The calls go through silenceper's HTTP helpers and types, not through its
// message.Client.Send: that one takes no context and always calls the official
// host, unless a hook common to the whole process rewrites the URL. Creating the
// first Sender replaces silenceper's util.DefaultHTTPClient, for the process, by
// one with limits.
type Sender struct {
	apiURL      string
	fallbackURL string
	mention     bool
	files       Files
	now         func() time.Time
	apps        map[string]*sendingApp // by channel
	first       *sendingApp            // of apps, in their configured order; nil: there is none
	webhooks    map[string]string      // keys, by channel
	mediaKeys   map[string]string      // EncodingAESKeys of robots, by channel
	fetcher     *http.Client           // of pictures
	sockets     map[string]*Socket     // by channel

	mu   sync.Mutex
	part map[string]progress // deliveries begun and not finished
}

var (
	_ bot.Courier  = (*Sender)(nil)
	_ bot.Pictures = (*Sender)(nil)
)

// sendingApp is an app that can send.
type sendingApp struct {
	agentID int64
	tokens  *tokenStore
	secret  string
}

// progress of a delivery that takes several messages.
type progress struct {
	form  bot.Form
	done  int
	sent  bot.Sent
	media string // of the file, once it is uploaded

	// Of a long connection.
	pushed bool // the message cannot be answered any more: all goes out unasked
	lost   bool // the answer to the last try, which may have been sent
}

// What is sent to one person or conversation in a minute: notices leave room for
// answers.
const (
	answersPerMinute = 25
	noticesPerMinute = 15
)

// maxProgress bounds the memory for deliveries that are never tried again.
const maxProgress = 1024

// NewSender checks the configuration; it makes no call.
func NewSender(cfg SenderConfig) (*Sender, error) {
	apiURL := strings.TrimRight(cmp.Or(cfg.APIURL, DefaultAPIURL), "/")
	if u, err := url.Parse(apiURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("wecom: API URL %q is not an http or https URL", cfg.APIURL)
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	boundClient()
	s := &Sender{
		apiURL:      apiURL,
		fallbackURL: cfg.FallbackURL,
		mention:     cfg.Mention,
		files:       cfg.Files,
		now:         now,
		apps:        make(map[string]*sendingApp, len(cfg.Apps)),
		webhooks:    make(map[string]string, len(cfg.Webhooks)),
		mediaKeys:   make(map[string]string, len(cfg.Robots)),
		fetcher:     newFetcher(),
		sockets:     make(map[string]*Socket, len(cfg.Sockets)),
		part:        make(map[string]progress),
	}
	for _, h := range cfg.Webhooks {
		s.webhooks[string(WebhookChannel)+"/"+h.Name] = h.Key
	}
	for _, r := range cfg.Robots {
		s.mediaKeys[string(RobotChannel)+"/"+r.Name] = r.EncodingAESKey
	}
	for _, socket := range cfg.Sockets {
		s.sockets[socket.Channel()] = socket
	}
	for _, app := range cfg.Apps {
		channel := string(AppChannel) + "/" + app.Name
		if s.apps[channel] != nil {
			return nil, fmt.Errorf("wecom: two apps are named %q", app.Name)
		}
		if app.CorpID == "" || app.Secret == "" || app.AgentID <= 0 {
			return nil, fmt.Errorf("wecom: app %q: corp id, secret and agent id are needed to send", app.Name)
		}
		s.apps[channel] = &sendingApp{
			agentID: app.AgentID,
			tokens:  newTokenStore(apiURL, app.CorpID, app.Secret, now),
			secret:  app.Secret,
		}
		if s.first == nil {
			s.first = s.apps[channel]
		}
	}
	return s, nil
}

// FirstForm implements [bot.Courier]. A robot's reply URL takes cards only in
// 1:1 conversations, and takes one message, so that a card with text beside it
// becomes markdown.
func (s *Sender) FirstForm(d bot.Delivery) bot.Form {
	ch := kindOf(d.Channel)
	if d.Reply.Card == nil {
		return bot.AsMarkdown
	}
	if _, err := checkedCard(ch, *d.Reply.Card, s.fallbackURL); err != nil {
		return bot.AsMarkdown
	}
	switch {
	case ch == AppChannel && d.Card != "" && codeOf(d) != "":
		return bot.AsUpdate
	case ch == SocketChannel && d.Answers == bot.Click && d.Card != "":
		return bot.AsUpdate
	case ch == AppChannel, ch == WebhookChannel, ch == SocketChannel:
		return bot.AsCard
	case d.Chat == "" && d.Reply.Text == "" && d.Reply.File == nil && d.Way.Once:
		return bot.AsCard
	}
	return bot.AsMarkdown
}

// PerMinute implements [bot.Courier]: 30 messages to one member by an app, 30 to
// one conversation by a robot (pages 90312, 101463), less a reserve for tries
// whose answer was lost. WeCom drops an app's further messages without a word. A
// webhook takes 20 messages (page 91770), whichever process sends them, and a
// delivery is several of them.
func (s *Sender) PerMinute(d bot.Delivery) int {
	switch kindOf(d.Channel) {
	case AppChannel, RobotChannel, SocketChannel: // of a long connection, the process that is connected counts exactly
		switch {
		case d.Form == bot.AsStream:
			return linesPerMinute
		case d.Answers == "":
			return noticesPerMinute
		}
		return answersPerMinute
	case WebhookChannel:
		return webhooksPerMinute
	}
	return 0
}

// Changes implements [bot.Courier]: only an app's card can be changed when it was not
// just pressed on it (page 94888).
func (s *Sender) Changes(channel string) bool { return kindOf(channel) == AppChannel }

// Away implements [bot.Courier]: long connections that this process does not hold.
func (s *Sender) Away() []string {
	var away []string
	for channel, socket := range s.sockets {
		if !socket.Live() {
			away = append(away, channel)
		}
	}
	return away
}

// Deliver implements [bot.Courier].
func (s *Sender) Deliver(ctx context.Context, d bot.Delivery) (bot.Sent, error) {
	if d.Reply.Empty() {
		return bot.Sent{}, refusedHere(reasonEmpty, "", "delivery has no content")
	}
	switch kindOf(d.Channel) {
	case AppChannel:
		if app := s.apps[d.Channel]; app != nil {
			return s.deliverApp(ctx, app, d)
		}
	case RobotChannel:
		return s.deliverRobot(ctx, d)
	case SocketChannel:
		if socket := s.sockets[d.Channel]; socket != nil {
			return s.deliverSocket(ctx, socket, d)
		}
	case WebhookChannel:
		if key := s.webhooks[d.Channel]; key != "" {
			return s.deliverWebhook(ctx, key, d)
		}
	}
	return bot.Sent{}, refusedHere(reasonUnknownChan, "", "channel %q is not configured", d.Channel)
}

func kindOf(channel string) Channel {
	kind, _, _ := strings.Cut(channel, "/")
	return Channel(kind)
}

func (s *Sender) loadProgress(d bot.Delivery) progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.part[d.ID]; ok && p.form == d.Form {
		return p
	}
	return progress{form: d.Form}
}

// saveProgress remembers how far a delivery came; finished forgets it.
func (s *Sender) saveProgress(id string, p progress, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if finished {
		delete(s.part, id)
		return
	}
	if len(s.part) >= maxProgress {
		for old := range s.part { // any: the price is a repeated message
			delete(s.part, old)
			break
		}
	}
	s.part[id] = p
}
