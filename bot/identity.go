package bot

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Directory is the company's list of members.
type Directory interface {
	// Name is what a member is called; "" where we may not see it.
	Name(ctx context.Context, user string) (string, error)
	// UserIDs gives the userids behind encrypted ids; those it cannot tell are
	// left out.
	UserIDs(ctx context.Context, openIDs []string) (map[string]string, error)
}

// openUserID is the look of an id that WeCom has encrypted for a robot (page
// 101521 only shows examples).
var openUserID = regexp.MustCompile(`^w[om][0-9A-Za-z_-]{22,}$`)

// Asking the directory must not hold up a cashier, and is not done for every
// message.
const (
	directoryWait  = time.Second
	directoryTells = 24 * time.Hour
	directoryFails = 10 * time.Minute
	maxKnown       = 10_000
)

// identities remembers what the directory said.
type identities struct {
	mu    sync.Mutex
	known map[string]identity
}

type identity struct {
	text  string // "": it could not tell
	until time.Time
}

// identify replaces an encrypted id by the userid it stands for. Where that is
// not permitted, the person goes on being known by the encrypted one.
func (b *Bot) identify(ctx context.Context, m Message) Message {
	if b.Directory == nil || !openUserID.MatchString(m.SentAs) {
		return m
	}
	user := b.known(ctx, "id "+m.SentAs, func(ctx context.Context) (string, error) {
		ids, err := b.Directory.UserIDs(ctx, []string{m.SentAs})
		return ids[m.SentAs], err
	})
	if user != "" {
		m.User = strings.ToLower(user)
	}
	return m
}

// nameOf is what to call somebody who is on no list.
func (b *Bot) nameOf(ctx context.Context, user string) string {
	if b.Directory == nil {
		return user
	}
	name := b.known(ctx, "name "+user, func(ctx context.Context) (string, error) { return b.Directory.Name(ctx, user) })
	if name == "" {
		return user
	}
	return name
}

// known asks the directory, or remembers what it said.
func (b *Bot) known(ctx context.Context, key string, ask func(context.Context) (string, error)) string {
	b.identities.mu.Lock()
	one, ok := b.identities.known[key]
	b.identities.mu.Unlock()
	if ok && b.Now().Before(one.until) {
		return one.text
	}
	ctx, cancel := context.WithTimeout(ctx, directoryWait)
	defer cancel()
	text, err := ask(ctx)
	if err != nil {
		b.Log.Warn("the directory did not answer", "error", err)
	}
	life := directoryTells
	if text == "" {
		life = directoryFails
	}
	b.identities.mu.Lock()
	defer b.identities.mu.Unlock()
	if len(b.identities.known) >= maxKnown {
		clear(b.identities.known)
	}
	b.identities.known[key] = identity{text, b.Now().Add(life)}
	return text
}
