package chat

import (
	"errors"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
)

// A link signs in once and for ten minutes; a session lasts a working day, or until
// it is ended.
func TestSignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		link := func() string {
			r := b.in("", "boss", "后台")
			_, ticket, ok := strings.Cut(r.Card.URL, "/console/in?t=")
			if !ok {
				t.Fatalf("no link: %+v", r)
			}
			return ticket
		}
		over := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, bot.ErrSignInOver) {
				t.Errorf("%s: %v", what, err)
			}
		}
		first, late := link(), link()
		if user, err := b.bot.tickets.OfferedSignIn(ctx, first); user != "boss" || err != nil {
			t.Errorf("%q, %v", user, err)
		}
		session, until, err := b.bot.tickets.SignIn(ctx, first)
		b.must(err)
		if want := b.clock.Now().Add(12 * time.Hour); !until.Equal(want) {
			t.Errorf("until %s, want %s", until, want)
		}
		_, _, err = b.bot.tickets.SignIn(ctx, first)
		over("a link that was used", err)
		_, err = b.bot.tickets.SignedIn(ctx, first)
		over("a link as a session", err)
		_, _, err = b.bot.tickets.SignIn(ctx, session)
		over("a session as a link", err)
		b.clock.Advance(10 * time.Minute)
		_, err = b.bot.tickets.OfferedSignIn(ctx, late)
		over("a link after ten minutes", err)
		if user, err := b.bot.tickets.SignedIn(ctx, session); user != "boss" || err != nil {
			t.Errorf("%q, %v", user, err)
		}
		second, _, err := b.bot.tickets.SignIn(ctx, link())
		b.must(err)
		b.must(b.bot.tickets.SignOut(ctx, second))
		b.must(b.bot.tickets.SignOut(ctx, second))
		_, err = b.bot.tickets.SignedIn(ctx, second)
		over("a session that was ended", err)
		b.clock.Advance(12 * time.Hour)
		_, err = b.bot.tickets.SignedIn(ctx, session)
		over("a session after twelve hours", err)
	})
}
