// Package hooks tells other systems what has happened, by Standard Webhooks
// (https://www.standardwebhooks.com): a till, a book of members, an accountant's sheet.
//
// The life of an event:
//
//   - Written. [Writer] is the [models.Witness]: it writes the event, with what it will
//     say for ever, in the transaction of the move that it tells, whichever process makes
//     that; and a delivery for each hook that wants events of its kind.
//   - Sent. [Sender] sends what is due: at least once, each with the id of its event, and
//     of the events about one voucher never one before an earlier one was taken or given
//     up. A try has a lease, so that of several processes one makes it.
//   - Tried again, for three days, ever more rarely; or sent again when people ask for it
//     ([Replay]).
//   - Forgotten after [Life].
//
// A hook that fails rests between tries, and holds up no other. Managers are told once
// when it does so for some minutes, and when it takes events again.
package hooks

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"yanquan/models"
)

// Kinds of event.
const (
	Redeemed   = "redeemed"
	Undone     = "undone"
	Refunded   = "refunded"
	Reconciled = "reconciled"
	DayClosed  = "day.closed"
)

// Kinds are all of them.
var Kinds = []string{Redeemed, Undone, Refunded, Reconciled, DayClosed}

const (
	// TriedFor is how long an event is tried to be sent.
	TriedFor = 3 * 24 * time.Hour
	// Life is how long an event can be sent again.
	Life = 30 * 24 * time.Hour
)

// Hook is another system.
type Hook struct {
	Name    string
	URL     string
	Secrets []string // whsec_…, the current one first; each signs
	Kinds   []string // of the events that it wants
	Private bool     // it may be inside the network
}

// wants reports whether a hook wants events of a kind.
func (h Hook) wants(kind string) bool { return slices.Contains(h.Kinds, kind) }

// row is what the database knows of a hook. Its address may hold a secret.
func (h Hook) row() models.Hook {
	sum := sha256.Sum256([]byte(h.URL))
	host := ""
	if u, err := url.Parse(h.URL); err == nil {
		host = u.Host
	}
	return models.Hook{Name: h.Name, Host: host, Kinds: strings.Join(h.Kinds, " "), Address: hex.EncodeToString(sum[:])}
}

// Register lets the database know which hooks there are. Without any, those that it knows
// are not in use any more. What waits for those is said, for it is not sent: the name of a
// hook without one changes with the host of its address.
func Register(ctx context.Context, db *models.DB, hooks []Hook, log *slog.Logger) error {
	rows := make([]models.Hook, len(hooks))
	for i, h := range hooks {
		rows[i] = h.row()
	}
	if err := db.Hooks.Sync(ctx, rows); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	left, err := Left(ctx, db, hooks)
	if err != nil {
		return err
	}
	for name, b := range left {
		log.Warn("events wait for a hook that is not configured", "hook", name, "count", b.Counted(b.Queued))
	}
	return nil
}

// Left counts what waits for hooks that the database knows, and that are none of these, by
// their names.
func Left(ctx context.Context, db *models.DB, hooks []Hook) (map[string]models.HookBacklog, error) {
	rows, err := db.Hooks.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("hooks: %w", err)
	}
	rows = slices.DeleteFunc(rows, func(row models.Hook) bool {
		return slices.ContainsFunc(hooks, func(h Hook) bool { return h.Name == row.Name })
	})
	if len(rows) == 0 {
		return nil, nil
	}
	backlogs, err := db.Hooks.Backlogs(ctx)
	if err != nil {
		return nil, fmt.Errorf("hooks: %w", err)
	}
	left := map[string]models.HookBacklog{}
	for _, row := range rows {
		if b := backlogs[row.Name]; b.Queued > 0 {
			left[row.Name] = b
		}
	}
	return left, nil
}

// Bounds of a secret's bytes, as Standard Webhooks has them.
const leastSecret, mostSecret = 24, 64

// ErrSecret is a secret that is none.
var ErrSecret = errors.New(`must be whsec_ and 24 to 64 bytes in base64; make one with: echo "whsec_$(openssl rand -base64 32)"`)

// ParseSecret reads a secret. Its error does not tell it.
func ParseSecret(text string) (*standardwebhooks.Webhook, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(raw) < leastSecret || len(raw) > mostSecret {
		return nil, ErrSecret
	}
	return standardwebhooks.NewWebhookRaw(raw)
}

// Replay sends a hook anew the events that it wants from a time on, and says how many
// those are. One that was gone is tried again.
func Replay(ctx context.Context, db *models.DB, h Hook, since time.Time) (int, error) {
	if err := db.Hooks.Revive(ctx, h.Name); err != nil {
		return 0, fmt.Errorf("hooks: %w", err)
	}
	n, err := db.HookEvents.Replay(ctx, h.Name, h.Kinds, since, db.Now().Add(TriedFor))
	if err != nil {
		return n, fmt.Errorf("hooks: %w", err)
	}
	return n, nil
}
