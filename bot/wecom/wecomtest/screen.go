package wecomtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Where names a conversation: an app or a robot with a person, or a group.
type Where struct {
	App   string `json:"app,omitempty"`
	Robot string `json:"robot,omitempty"` // in a group: the robot that is mentioned
	Group string `json:"group,omitempty"` // chat id
	User  string `json:"user,omitempty"`  // userid; in a group: whose screen
}

// InApp is the 1:1 conversation of a person with an app.
func InApp(app, user string) Where { return Where{App: app, User: user} }

// InRobot is the 1:1 conversation of a person with a robot.
func InRobot(robot, user string) Where { return Where{Robot: robot, User: user} }

// InGroup is a group chat.
func InGroup(chatID string) Where { return Where{Group: chatID} }

// Mention is the same group, saying something to a robot: Say puts "@DisplayName "
// before the text.
func (w Where) Mention(robot string) Where { w.Robot = robot; return w }

// As is the same conversation as this person sees it.
func (w Where) As(user string) Where { w.User = user; return w }

// String names the conversation in errors.
func (w Where) String() string {
	switch {
	case w.Group != "":
		return "group/" + w.Group
	case w.App != "":
		return "app/" + w.App + " with " + w.User
	}
	return "robot/" + w.Robot + " with " + w.User
}

// Kinds of what is shown. Other message types of message/send appear by their own names.
const (
	KindText     = "text"
	KindMarkdown = "markdown"
	// KindMarkdownV2 has tables, and neither colours nor mentions; old clients show it
	// as it is written (page 91770).
	KindMarkdownV2 = "markdown_v2"
	KindCard       = "card"
	KindStream     = "stream"
	KindImage      = "image" // Text is the media_id, see [WeCom.Medium]
	KindFile       = "file"  // the same
	KindVoice      = "voice"
	KindMixed      = "mixed" // words and pictures of a person
	KindEvent      = "event" // a person opened the conversation or scanned something
)

// Shown is one bubble on a screen.
type Shown struct {
	ID      string    `json:"id"`
	Seq     int64     `json:"seq"` // rises with every new bubble, over all screens
	Where   Where     `json:"where"`
	At      time.Time `json:"at"`
	From    string    `json:"from"` // userid, or the name people see of an app or a robot
	FromBot bool      `json:"from_bot"`
	Kind    string    `json:"kind"`
	Text    string    `json:"text,omitempty"`
	// Pictures of a mixed message, by media_id.
	Pictures []string `json:"pictures,omitempty"`
	Card     *Card    `json:"card,omitempty"`
	ReplyTo  string   `json:"reply_to,omitempty"` // id of the bubble it quotes

	Finished bool      `json:"finished"` // false only while a stream runs
	Expired  bool      `json:"expired"`  // a stream that was given up after 6 minutes
	Replaced int       `json:"replaced"` // how often text, card or state have changed since
	Updated  time.Time `json:"updated"`
	Version  int64     `json:"version"` // of the last change; compare with Version
}

// view is the changing part of a bubble.
type view struct {
	text     string
	card     *Card
	running  bool // an unfinished stream
	expired  bool
	replaced int
	updated  time.Time
	version  int64
}

// post is a bubble. In a group, a card may have been updated for some members only.
type post struct {
	id, kind string
	seq      int64
	where    Where // canonical
	at       time.Time
	from     string
	bot      *bot // who posted it; nil: a person
	replyTo  string
	sent     *sentCard // the card it shows, as it was sent
	parts    []Part    // of a mixed message
	base     view
	own      map[string]view // by folded userid
}

// sentCard is what several copies of one card have in common.
type sentCard struct {
	bot       *bot
	taskID    string
	kind      string // card type it was sent with
	updatable bool
	posts     []*post         // an app's card: one for each receiver
	receivers map[string]bool // folded userids an app's card was sent to, also where the rate limit swallowed it
}

func (p *post) viewOf(user string) view {
	if v, ok := p.own[fold(user)]; ok {
		return v
	}
	return p.base
}

// bump starts a new version and wakes who waits. Callers hold mu.
func (w *WeCom) bump() int64 {
	w.version++
	close(w.changed)
	w.changed = make(chan struct{})
	return w.version
}

// show puts a new bubble on a screen. Callers hold mu.
func (w *WeCom) show(p *post) *post {
	now := w.opt.Now()
	p.id, p.at = w.newID(20), now
	p.base.updated, p.base.version = now, w.bump()
	p.seq = p.base.version
	w.posts[p.id] = p
	w.screens[p.where] = append(w.screens[p.where], p)
	return p
}

// change alters a bubble: for everybody, or for some members. Callers hold mu.
func (w *WeCom) change(p *post, users []string, edit func(*view)) {
	stamp := func(v view) view {
		edit(&v)
		v.replaced++
		v.updated, v.version = w.opt.Now(), w.version
		return v
	}
	w.bump()
	if users == nil {
		p.base, p.own = stamp(p.base), nil
		return
	}
	if p.own == nil {
		p.own = map[string]view{}
	}
	for _, u := range users {
		p.own[fold(u)] = stamp(p.viewOf(u))
	}
}

func (p *post) shown(user string) Shown {
	v := p.viewOf(user)
	return Shown{ID: p.id, Seq: p.seq, Where: p.where, At: p.at, From: p.from, FromBot: p.bot != nil, Kind: p.kind,
		Text: v.text, Pictures: p.pictures(), Card: v.card.clone(), ReplyTo: p.replyTo, Finished: !v.running, Expired: v.expired,
		Replaced: v.replaced, Updated: v.updated, Version: v.version}
}

// Screen is everything a conversation shows, oldest first. A group is seen as by
// where.User, or as by a member for whom nothing was updated separately.
func (w *WeCom) Screen(where Where) []Shown {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.screen(where)
}

func (w *WeCom) screen(where Where) []Shown {
	viewer := where.User
	if where.Group != "" {
		where = InGroup(where.Group)
	} else {
		where.User = fold(where.User)
	}
	posts := w.screens[where]
	out := make([]Shown, 0, len(posts))
	for _, p := range posts {
		out = append(out, p.shown(viewer))
	}
	return out
}

// Find is one bubble as a person sees it.
func (w *WeCom) Find(id, user string) (Shown, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.posts[id]
	if !ok {
		return Shown{}, false
	}
	return p.shown(user), true
}

// Version rises with every change of a screen, of Refusals, Dropped, Deliveries and
// Calls.
func (w *WeCom) Version() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

// Changed is closed as soon as Version is above since.
func (w *WeCom) Changed(since int64) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.version > since {
		done := make(chan struct{})
		close(done)
		return done
	}
	return w.changed
}

// WaitFor waits until a screen satisfies a condition and returns it. It does not
// poll. On the end of ctx it returns the screen as it was last, and an error.
func (w *WeCom) WaitFor(ctx context.Context, where Where, ok func([]Shown) bool) ([]Shown, error) {
	for {
		w.mu.Lock()
		shown, changed := w.screen(where), w.changed
		w.mu.Unlock()
		if ok(shown) {
			return shown, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return shown, fmt.Errorf("wecomtest: waiting for %s: %w", where, ctx.Err())
		case <-w.ctx.Done():
			return shown, ErrClosed
		}
	}
}

// Refusal is something the real service would not have accepted.
type Refusal struct {
	At   time.Time `json:"at"`
	Bot  string    `json:"bot,omitempty"` // "app/main", "robot/group"
	What string    `json:"what"`          // API such as "message/send", or "passive answer", "url verification"
	Code int       `json:"errcode"`       // of a passive answer: what an API would have said, the bot is not told; 0: none is known
	Why  string    `json:"why"`
	// Used: of a response code that an earlier call has used up. That call took effect:
	// who lost its answer and tries again is refused like this.
	Used bool `json:"used,omitempty"`
}

// Drop is something the real service swallows without telling the bot.
type Drop struct {
	At   time.Time `json:"at"`
	Bot  string    `json:"bot"`
	User string    `json:"user"`
	Why  string    `json:"why"`
	Text string    `json:"text,omitempty"`
}

// Refusals lists what was refused. Faults asked for by a test are not in it.
func (w *WeCom) Refusals() []Refusal {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refusals)
}

// Dropped lists what vanished without an error: messages over the rate limit,
// repeats swallowed by enable_duplicate_check, text cut from passive answers,
// messages of people who may not use a robot, callbacks given up, callbacks that
// found no long connection.
func (w *WeCom) Dropped() []Drop {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dropped)
}

func (w *WeCom) refused(b *bot, what string, err *apiError) {
	r := Refusal{At: w.opt.Now(), What: what, Code: err.Code, Why: err.Text, Used: err.used}
	if b != nil {
		r.Bot = b.String()
	}
	w.refusals = append(w.refusals, r)
	w.bump()
}

func (w *WeCom) drop(b *bot, user, why, text string) {
	w.dropped = append(w.dropped, Drop{At: w.opt.Now(), Bot: b.String(), User: user, Why: why, Text: text})
	w.bump()
}

// Since is every bubble that has changed after a version, in the order of the changes,
// and the version to ask with next. Where.User of a group's bubble is set where it was
// changed for that member only.
func (w *WeCom) Since(version int64) (changed []Shown, latest int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, posts := range w.screens {
		for _, p := range posts {
			if p.base.version > version {
				changed = append(changed, p.shown(""))
			}
			for user, v := range p.own {
				if v.version > version {
					s := p.shown(user)
					s.Where.User = user
					changed = append(changed, s)
				}
			}
		}
	}
	slices.SortFunc(changed, func(a, b Shown) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Where.User, b.Where.User))
	})
	return changed, w.version
}
