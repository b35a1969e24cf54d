package wecomtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Outcome is what an act of a person led to.
type Outcome struct {
	Shown string `json:"shown"` // id of what was said; of the card that was pressed
	// Deliveries are the callbacks: one, or none (a group where no robot was
	// mentioned), or one for each robot mentioned.
	Deliveries []Delivery `json:"deliveries"`
}

// Delivery is the first callback; zero where there was none.
func (o Outcome) Delivery() Delivery {
	if len(o.Deliveries) == 0 {
		return Delivery{}
	}
	return o.Deliveries[0]
}

// utterance is what a person puts into a conversation.
type utterance struct {
	kind  string // KindText, KindImage, KindFile, KindVoice, KindMixed
	text  string
	quote string // id of the bubble that is quoted
	media string // id of a medium
	spoil Spoil  // of a picture
	parts []Part // of a mixed message

	edit func(plain []byte) []byte // of what is sent; nil: as it is
}

// SayOption adds to a text.
type SayOption func(*utterance)

// Quoting quotes a bubble of the same conversation.
func Quoting(shownID string) SayOption { return func(u *utterance) { u.quote = shownID } }

// Edited changes what is sent before it is encrypted, and what a frame of a long
// connection holds: WeCom has sent things that its pages do not show. The result is
// sent, signed and repeated as it is, well-formed or not.
func Edited(edit func(plain []byte) []byte) SayOption { return func(u *utterance) { u.edit = edit } }

// Say types a text. In a group a robot is reached where it is mentioned: by
// Where.Mention, or by "@DisplayName" in the text. Otherwise the group just sees
// the text. Say returns when the callback has been accepted or given up, which
// is no error: see Outcome. The text is on the screen before.
func (w *WeCom) Say(ctx context.Context, where Where, user, text string, opts ...SayOption) (Outcome, error) {
	u := utterance{kind: KindText, text: text}
	for _, o := range opts {
		o(&u)
	}
	if text == "" {
		return Outcome{}, fmt.Errorf("%w: an empty text cannot be sent", ErrNotThere)
	}
	return w.utter(ctx, where, user, u)
}

// Speak sends a voice message. A robot gets the words, in 1:1 only; an app gets
// the recording, which here holds the words.
func (w *WeCom) Speak(ctx context.Context, where Where, user, words string) (Outcome, error) {
	w.mu.Lock()
	id := w.keep("voice", "voice.amr", []byte("#!AMR\n"+words))
	w.mu.Unlock()
	return w.utter(ctx, where, user, utterance{kind: KindVoice, text: words, media: id})
}

func (w *WeCom) utter(ctx context.Context, where Where, user string, u utterance) (Outcome, error) {
	p, calls, err := w.prepare(where, user, u)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Shown: p.id, Deliveries: make([]Delivery, len(calls))}
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, c := range calls {
		wg.Go(func() {
			out.Deliveries[i], errs[i] = w.deliver(ctx, c)
			w.mu.Lock()
			w.inflight[memberOf{c.bot, c.user}]--
			w.mu.Unlock()
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// prepare shows what is said and seals the callbacks it causes.
func (w *WeCom) prepare(where Where, user string, u utterance) (*post, []*callback, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, nil, ErrClosed
	}
	place, who, err := w.resolve(where, user)
	if err != nil {
		return nil, nil, err
	}
	var quoted *post
	if u.quote != "" {
		if quoted = w.posts[u.quote]; quoted == nil || quoted.where != place {
			return nil, nil, fmt.Errorf("%w: nothing to quote in %s", ErrNotThere, place)
		}
	}
	bots, err := w.listeners(where, place, &u)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range bots {
		if b.usableBy(who.ID) && !b.isApp() && w.unfinished(b, who.ID) {
			return nil, nil, ErrUnfinished
		}
	}
	p := w.show(&post{kind: u.kind, where: place, from: who.ID, replyTo: u.quote, parts: u.parts,
		base: view{text: u.words()}})
	var calls []*callback
	for _, b := range bots {
		if !b.usableBy(who.ID) {
			w.drop(b, who.ID, "not a member who may use it", u.words())
			continue
		}
		c := &callback{bot: b, kind: onMessage, where: place, user: fold(who.ID), post: p}
		w.heard[chatOf{b, place}] = true
		if b.isApp() {
			forms{w}.appMessage(c, who, u)
		} else if err := (forms{w}).robotMessage(c, u, quoted); err != nil {
			return nil, nil, err
		}
		if u.edit != nil {
			c.plain = u.edit(c.plain)
		}
		if c, err = w.newCallback(c); err != nil {
			return nil, nil, err
		}
		w.inflight[memberOf{b, c.user}]++
		calls = append(calls, c)
	}
	return p, calls, nil
}

// resolve finds the conversation a person acts in. Callers hold mu.
func (w *WeCom) resolve(where Where, user string) (Where, User, error) {
	who, ok := w.users[fold(user)]
	if !ok {
		return Where{}, User{}, fmt.Errorf("%w: no member %q", ErrNotThere, user)
	}
	if where.Group != "" {
		g, ok := w.groups[where.Group]
		if !ok {
			return Where{}, User{}, fmt.Errorf("%w: no group %q", ErrNotThere, where.Group)
		}
		if !slices.ContainsFunc(g.Members, func(m string) bool { return strings.EqualFold(m, user) }) {
			return Where{}, User{}, fmt.Errorf("%w: %s is not in %s", ErrNotThere, who.ID, where)
		}
		return InGroup(where.Group), who, nil
	}
	if _, err := w.botOf(where); err != nil {
		return Where{}, User{}, err
	}
	if where.User != "" && !strings.EqualFold(where.User, user) {
		return Where{}, User{}, fmt.Errorf("%w: %s is not the conversation of %s", ErrNotThere, where, who.ID)
	}
	where.User = fold(user)
	return where, who, nil
}

// botOf is the app or robot of a 1:1 conversation. Callers hold mu.
func (w *WeCom) botOf(where Where) (*bot, error) {
	if where.App != "" && where.Robot == "" {
		if b, ok := w.apps[where.App]; ok {
			return b, nil
		}
	}
	if where.Robot != "" && where.App == "" {
		if b, ok := w.robots[where.Robot]; ok {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: no app or robot for %s", ErrNotThere, where)
}

// listeners are the bots an utterance reaches. In a group it may put the mention
// before the text. Callers hold mu.
func (w *WeCom) listeners(where, place Where, u *utterance) ([]*bot, error) {
	if place.Group == "" {
		b, err := w.botOf(place)
		return []*bot{b}, err
	}
	var here []*bot
	for _, name := range w.groups[place.Group].Robots {
		if b, ok := w.robots[name]; ok {
			here = append(here, b)
		}
	}
	if where.Robot != "" {
		i := slices.IndexFunc(here, func(b *bot) bool { return b.name == where.Robot })
		if i < 0 {
			return nil, fmt.Errorf("%w: no robot %q in %s", ErrNotThere, where.Robot, place)
		}
		u.mention("@"+here[i].title, w.opt.MentionSeparator)
	}
	if u.kind != KindText && u.kind != KindMixed {
		return nil, nil // in groups robots get text, mixed and quotes only
	}
	// Longer names first, so that "@验券助手" does not also reach "验券".
	slices.SortStableFunc(here, func(a, b *bot) int { return len(b.title) - len(a.title) })
	var out []*bot
	rest := u.words()
	for _, b := range here {
		if strings.Contains(rest, "@"+b.title) {
			rest = strings.ReplaceAll(rest, "@"+b.title, "")
			out = append(out, b)
		}
	}
	return out, nil
}

// unfinished reports whether a person has as many open interactions with a robot
// as are allowed: three (page 100719). Callers hold mu.
func (w *WeCom) unfinished(b *bot, user string) bool {
	if w.opt.MaxUnfinished < 0 {
		return false
	}
	m := memberOf{b, fold(user)}
	n := w.inflight[m]
	now := w.opt.Now()
	for s := range w.running {
		if s.key.bot == b && s.of.user == m.user && !s.tooOld(now) {
			n++
		}
	}
	return n >= w.opt.MaxUnfinished
}
