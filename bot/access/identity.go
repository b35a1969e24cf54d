package access

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
)

// openUserID is the look of an id that WeCom has encrypted for a robot (page
// 101521 only shows examples).
var openUserID = regexp.MustCompile(`^w[om][0-9A-Za-z_-]{22,}$`)

// Asking the directory must not hold up a cashier, and is not done for every
// message.
const (
	directoryWait  = time.Second
	DirectoryTells = 24 * time.Hour
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

// Identify replaces an encrypted id by the userid it stands for. Where that is
// not permitted, the person goes on being known by the encrypted one.
func (a *Access) Identify(ctx context.Context, m bot.Message) bot.Message {
	if a.Directory == nil || !openUserID.MatchString(m.SentAs) {
		return m
	}
	user := a.known(ctx, "id "+m.SentAs, func(ctx context.Context) (string, error) {
		ids, err := a.Directory.UserIDs(ctx, []string{m.SentAs})
		return ids[m.SentAs], err
	})
	if user != "" {
		m.User = strings.ToLower(user)
	}
	return m
}

// nameOf is the name of a person who is on no list.
func (a *Access) nameOf(ctx context.Context, user string) string {
	if a.Directory == nil {
		return user
	}
	name := a.known(ctx, "name "+user, func(ctx context.Context) (string, error) {
		name, err := a.Directory.Name(ctx, user)
		return command.NameOf(name), err
	})
	if name == "" {
		return user
	}
	return name
}

// known asks the directory, or remembers what it said.
func (a *Access) known(ctx context.Context, key string, ask func(context.Context) (string, error)) string {
	a.identities.mu.Lock()
	one, ok := a.identities.known[key]
	a.identities.mu.Unlock()
	if ok && a.Now().Before(one.until) {
		return one.text
	}
	ctx, cancel := context.WithTimeout(ctx, directoryWait)
	defer cancel()
	text, err := ask(ctx)
	if err != nil {
		a.Log.Warn("the directory did not answer", "error", err)
	}
	life := DirectoryTells
	if text == "" {
		life = directoryFails
	}
	a.identities.mu.Lock()
	defer a.identities.mu.Unlock()
	if len(a.identities.known) >= maxKnown {
		clear(a.identities.known)
	}
	if a.identities.known == nil {
		a.identities.known = map[string]identity{}
	}
	a.identities.known[key] = identity{text, a.Now().Add(life)}
	return text
}
