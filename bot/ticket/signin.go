// Package ticket makes links and sessions that open something for one person, for a
// while. It does not know pages, cookies or chats.
package ticket

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// Tickets are links and sessions for one person.
type Tickets struct {
	DB        *models.DB
	FileLink  func(file, ticket string) string // page where one person fetches a file; may be nil
	Now       func() time.Time
	NewID     func() string
	NewSecret func() string // unguessable
}

// Tickets of the console: what a link in the chat opens, and what a browser has
// once it is signed in.
const (
	SignInTicket  = "sign in"
	sessionTicket = "session"
)

const (
	SignInLife  = 10 * time.Minute
	sessionLife = 12 * time.Hour // a working day
)

// OfferedSignIn says whom a link signs in, without using it up.
func (k *Tickets) OfferedSignIn(ctx context.Context, link string) (user string, err error) {
	t, err := k.DB.Tickets.Get(ctx, SignInTicket, link)
	return t.UserID, signInOver(err)
}

// SignIn uses a link up and begins a session.
func (k *Tickets) SignIn(ctx context.Context, link string) (session string, until time.Time, err error) {
	t, err := k.DB.Tickets.Use(ctx, SignInTicket, link)
	if err := signInOver(err); err != nil {
		return "", time.Time{}, err
	}
	return k.Admit(ctx, t.UserID)
}

// Admit begins a session of a member whom the caller knows to be that one.
func (k *Tickets) Admit(ctx context.Context, user string) (session string, until time.Time, err error) {
	session, until = k.NewSecret(), k.Now().Add(sessionLife)
	err = k.DB.Tickets.Save(ctx, session, models.Ticket{Kind: sessionTicket, UserID: strings.ToLower(user), CreatedAt: k.Now(), ExpiresAt: until})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("bot: session: %w", err)
	}
	return session, until, nil
}

// SignedIn says whose session it is.
func (k *Tickets) SignedIn(ctx context.Context, session string) (user string, err error) {
	t, err := k.DB.Tickets.Get(ctx, sessionTicket, session)
	return t.UserID, signInOver(err)
}

// SignOut ends a session; one that is over already is fine.
func (k *Tickets) SignOut(ctx context.Context, session string) error {
	_, err := k.DB.Tickets.Use(ctx, sessionTicket, session)
	if err = signInOver(err); errors.Is(err, bot.ErrSignInOver) {
		return nil
	}
	return err
}

func signInOver(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrStale):
		return bot.ErrSignInOver
	}
	return fmt.Errorf("bot: sign-in: %w", err)
}
