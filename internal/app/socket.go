package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"yanquan/bot/chat"
	"yanquan/bot/server"
	"yanquan/bot/wecom"
	"yanquan/internal/config"
	"yanquan/models"
)

// newSocket makes the long connection of a robot, to be held by one replica.
func newSocket(b config.Bot, w config.WeCom, db *models.DB, base, holder string, metrics *server.Metrics, log *slog.Logger) (*wecom.Socket, error) {
	return wecom.NewSocket(wecom.SocketConfig{
		Name: b.Name, BotID: b.BotID, Secret: b.Secret, URL: b.URL, DisplayName: b.DisplayName, FallbackURL: base, Mention: w.Mention, CorpID: w.CorpID,
		Lease: &lease{db: db, name: SocketLease(b), holder: holder}, Now: db.Now, NewID: chat.NewID, Log: log, Connected: metrics.Connected,
	})
}

// SocketLease names the lease of a robot's long connection.
func SocketLease(b config.Bot) string { return string(wecom.SocketChannel) + "/" + b.Name }

// holderName tells people which process holds a lease.
func holderName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s, process %d, %s", host, os.Getpid(), rand.Text()[:6])
}

// lease is a [wecom.Lease] in the database.
type lease struct {
	db           *models.DB
	name, holder string

	mu   sync.Mutex
	held models.Lease
}

func (l *lease) Take(ctx context.Context, life time.Duration) (bool, error) {
	return l.keep(l.db.Leases.Acquire(ctx, l.name, l.holder, life))
}

func (l *lease) Renew(ctx context.Context, life time.Duration) (bool, error) {
	return l.keep(l.db.Leases.Renew(ctx, l.last(), life))
}

func (l *lease) Release(ctx context.Context) error {
	if err := l.db.Leases.Release(ctx, l.last()); !errors.Is(err, models.ErrStale) {
		return err
	}
	return nil // another one's by now
}

func (l *lease) last() models.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

func (l *lease) keep(held models.Lease, err error) (bool, error) {
	switch {
	case errors.Is(err, models.ErrStale):
		return false, nil
	case err != nil:
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
	return true, nil
}
