package wecom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"yanquan/bot"
)

// SocketConfig describes one smart robot that is reached by a long connection
// (page 101463).
type SocketConfig struct {
	Name        string // as in "socket/NAME"
	BotID       string
	Secret      string // of the long connection; not a Token
	URL         string // wss://…
	DisplayName string // see [RobotConfig.DisplayName]
	FallbackURL string // see [RobotConfig.FallbackURL]
	Mention     bool   // see [RobotConfig.Mention]
	CorpID      string // see [RobotConfig.CorpID]

	Lease     Lease
	HTTP      *http.Client // makes the connection; nil: one that follows no redirects
	Now       func() time.Time
	NewID     func() string  // unique
	Jitter    func() float64 // in [0,1); nil: random
	Log       *slog.Logger   // nil: silent
	Connected func(channel string, up bool)
}

// Lease lets one of several processes hold the connection: WeCom has one for each
// robot, and gives it to the last subscriber.
type Lease interface {
	// Take reports whether the lease is ours now, for so long from the call.
	Take(ctx context.Context, life time.Duration) (bool, error)
	// Renew reports whether it is still ours, and then for so long from the call.
	Renew(ctx context.Context, life time.Duration) (bool, error)
	// Release gives it up.
	Release(ctx context.Context) error
}

// SocketInbox takes what comes in; the bot of package chat is one.
type SocketInbox interface {
	// Accept makes a message durable and works on it. A repeat of it changes nothing.
	Accept(ctx context.Context, m bot.Message) (id string, err error)
	// Keep only makes it durable; it still does when the bot is stopping.
	Keep(ctx context.Context, m bot.Message) error
	// ChannelTrouble tells the managers, once for a while.
	ChannelTrouble(ctx context.Context, channel, title, text string) error
}

// Socket holds the long connection of a smart robot: it subscribes, hands over what
// people do, and sends the bot's answers. One process at a time is connected; see
// [Socket.Run].
type Socket struct {
	SocketConfig
	channel string
	robot   *Robot // reads what robots are sent and builds what they show
	inbox   SocketInbox
	intake  intake
	pace    pace
	pauses  pauses
	live    atomic.Pointer[connection] // subscribed; nil: not connected

	noGroupCards atomic.Int64 // Unix nanoseconds until when groups get words instead
}

// NewSocket checks the configuration; it does not connect.
func NewSocket(cfg SocketConfig) (*Socket, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "wss" && u.Scheme != "ws" {
		return nil, fmt.Errorf("wecom: bot %q: URL is not that of a WebSocket", cfg.Name)
	}
	if cfg.BotID == "" || cfg.Secret == "" {
		return nil, fmt.Errorf("wecom: bot %q: bot id and secret are needed", cfg.Name)
	}
	if cfg.Lease == nil || cfg.NewID == nil {
		return nil, errors.New("wecom: a lease and ids are needed")
	}
	cfg.HTTP = cmp.Or(cfg.HTTP, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Jitter == nil {
		cfg.Jitter = mathrand.Float64
	}
	if cfg.Connected == nil {
		cfg.Connected = func(string, bool) {}
	}
	channel := string(SocketChannel) + "/" + cfg.Name
	cfg.Log = cfg.Log.With("channel", channel)
	return &Socket{
		SocketConfig: cfg,
		channel:      channel,
		robot:        &Robot{channel: channel, corpID: cfg.CorpID, displayName: trim(cfg.DisplayName), fallbackURL: cfg.FallbackURL},
		intake:       intake{waiting: map[string][]bot.Message{}},
		pace:         pace{sent: map[string][]time.Time{}},
	}, nil
}

// Channel is what its messages come from.
func (s *Socket) Channel() string { return s.channel }

// Live reports whether this process can send by it.
func (s *Socket) Live() bool { return s.live.Load() != nil }
