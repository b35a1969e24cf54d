// Package grants keeps the merchants' consent to handle their vouchers: it
// obtains it by a link that a manager opens, renews its tokens before they end
// or in the middle of a call that was refused, and warns managers of what it
// cannot renew. It knows nothing of chats and cards; what people are to be told
// goes through a [Teller].
package grants

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"yanquan/dianping"
	"yanquan/models"
)

// Options of a Keeper. DB and Tell are required.
type Options struct {
	DB          *models.DB
	Authorizers map[string]dianping.Authorizer // by platform
	Tell        Teller

	// Link makes the address of the page that a ticket opens.
	Link func(platform, ticket string) string
	// Callback is the address to which a platform sends the browser back.
	Callback func(platform string) string

	CallTimeout time.Duration // of one platform call, 3s where zero
	Location    *time.Location

	Now       func() time.Time
	NewSecret func() string // unguessable, letters and digits, at least 26
	Sleep     func(ctx context.Context, d time.Duration) error
	Jitter    func() float64 // in [0,1)
	Log       *slog.Logger
}

// Teller tells people, in the transaction that records why.
type Teller interface {
	// TellManagers tells the managers of these stores, or all where there are
	// none, once for each key.
	TellManagers(ctx context.Context, tx *models.DB, n Notice) error
}

// Notice is what managers are told of a grant.
type Notice struct {
	Key      string  // of the same key, one is told
	Stores   []int64 // whose managers; none: those of all stores
	User     string  // only this person, if not empty
	Platform string
	Title    string
	Text     string
	Renew    bool // offer a button that leads to a new authorisation
}

// Keeper does it. Make it with [New]; it is safe for concurrent use, and any
// number of processes may run one on the same database.
type Keeper struct{ Options }

// Reasons of a failed renewal that are ours; others are classes of
// [dianping.Class].
const (
	reasonNoPlatform = "no_platform" // the platform is not configured any more
	reasonUnbound    = "unbound"     // the merchant withdrew the consent
)

// New checks the options.
func New(o Options) (*Keeper, error) {
	if o.DB == nil || o.Tell == nil {
		return nil, errors.New("grants: a database and a teller are needed")
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = 3 * time.Second
	}
	if o.Location == nil {
		o.Location = time.FixedZone("CST", 8*3600)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewSecret == nil {
		o.NewSecret = rand.Text
	}
	if o.Jitter == nil {
		o.Jitter = mathrand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sleep == nil || o.Link == nil || o.Callback == nil {
		return nil, errors.New("grants: Sleep, Link and Callback are needed")
	}
	return &Keeper{o}, nil
}

// has reports whether a platform's authorisation is configured.
func (k *Keeper) has(platform string) bool { return k.Authorizers[platform] != nil }

// granted is a stored grant in the platform client's terms.
func granted(g models.Grant) dianping.Grant {
	return dianping.Grant{
		Purpose: dianping.Purpose(g.Purpose), AccessToken: g.AccessToken, ExpiresAt: g.ExpiresAt,
		RefreshToken: g.RefreshToken, RefreshExpiresAt: g.RefreshExpiresAt, RefreshesLeft: g.RefreshesLeft,
		CustomerID: g.CustomerID, ShopID: g.ShopID, Scope: g.Scope,
	}
}

// taking gives a stored grant the tokens that the platform has handed out.
func (k *Keeper) taking(g models.Grant, from dianping.Grant) models.Grant {
	g.AccessToken, g.ExpiresAt = from.AccessToken, from.ExpiresAt
	g.RefreshToken, g.RefreshExpiresAt, g.RefreshesLeft = from.RefreshToken, from.RefreshExpiresAt, from.RefreshesLeft
	g.Scope = from.Scope
	g.DueAt = k.renewal(g)
	return g
}

// renewable reports whether the tokens can be exchanged for new ones.
func renewable(g models.Grant) bool {
	return !g.Ended && g.RefreshToken != "" && g.RefreshesLeft != 0
}

// How long before a token's end it is renewed. Where the platform counts the
// renewals, each is used for nearly its whole length.
const (
	early        = 7 * 24 * time.Hour
	earlyCounted = 5 * 24 * time.Hour
	unknownLife  = 20 * 24 * time.Hour // renew after, where the platform does not say when a token ends
)

// renewal is when a grant is due, spread over some hours so that the grants of
// one afternoon are not renewed in one minute.
func (k *Keeper) renewal(g models.Grant) time.Time {
	if !renewable(g) {
		return time.Time{}
	}
	spread := time.Duration(k.Jitter() * float64(6*time.Hour))
	switch {
	case g.ExpiresAt.IsZero():
		return k.Now().Add(unknownLife - spread)
	case g.RefreshesLeft > 0:
		return g.ExpiresAt.Add(-earlyCounted - spread)
	}
	return g.ExpiresAt.Add(-early - spread)
}
