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
	directoryBlank = 10 * time.Minute // it has nothing, which a permission may change
	directoryAgain = 5 * time.Second  // it did not answer
	maxKnown       = 10_000
)

// identities remembers what the directory said.
type identities struct {
	mu    sync.Mutex
	known map[string]identity
}

type identity struct {
	text  string // "": it has nothing
	said  bool   // it has answered, now or before
	until time.Time
}

// Identify replaces an encrypted id by the userid it stands for. Where that is
// not permitted, the person goes on being known by the encrypted one. False: it is not
// known which of the two, for the directory has never answered.
func (a *Access) Identify(ctx context.Context, m bot.Message) (bot.Message, bool) {
	replaced := m.User != strings.ToLower(m.SentAs) // when the message was first worked on
	if a.Directory == nil || replaced || !openUserID.MatchString(m.SentAs) {
		return m, true
	}
	user, said := a.known(ctx, "id "+m.SentAs, func(ctx context.Context) (string, error) {
		ids, err := a.Directory.UserIDs(ctx, []string{m.SentAs})
		return ids[m.SentAs], err
	})
	if user != "" {
		m.User = strings.ToLower(user)
	}
	return m, said
}

// nameOf is the name of a person who is on no list.
func (a *Access) nameOf(ctx context.Context, user string) string {
	if a.Directory == nil {
		return user
	}
	name, _ := a.known(ctx, "name "+user, func(ctx context.Context) (string, error) {
		name, err := a.Directory.Name(ctx, user)
		return command.NameOf(name), err
	})
	if name == "" {
		return user
	}
	return name
}

// known asks the directory, or remembers what it said, also while it does not answer.
// False: it has said nothing yet.
func (a *Access) known(ctx context.Context, key string, ask func(context.Context) (string, error)) (text string, said bool) {
	a.identities.mu.Lock()
	one, ok := a.identities.known[key]
	a.identities.mu.Unlock()
	if ok && a.Now().Before(one.until) {
		return one.text, one.said
	}
	ctx, cancel := context.WithTimeout(ctx, directoryWait)
	defer cancel()
	text, err := ask(ctx)
	if err != nil {
		a.Log.Warn("the directory did not answer", "error", err)
	}
	a.identities.mu.Lock()
	defer a.identities.mu.Unlock()
	if len(a.identities.known) >= maxKnown {
		clear(a.identities.known)
	}
	if a.identities.known == nil {
		a.identities.known = map[string]identity{}
	}
	now := a.Now()
	one = a.identities.known[key] // another message may have asked meanwhile
	switch {
	case err == nil && text != "":
		one = identity{text, true, now.Add(DirectoryTells)}
	case err == nil:
		one = identity{"", true, now.Add(directoryBlank)}
	case !now.Before(one.until):
		one.until = now.Add(directoryAgain)
	}
	a.identities.known[key] = one
	return one.text, one.said
}
