// Package grants keeps the merchants' consent to handle their vouchers: it
// obtains it by a link that a manager opens, renews its tokens before they end
// or in the middle of a call that was refused, and warns managers of what it
// cannot renew. It knows nothing of chats and cards; what people are to be told
// goes through a [Teller].
//
// # When tokens are renewed
//
// A pair of tokens is renewed once, in its turn: when a quarter of its life is
// left, seven days at most; where the platform counts the renewals, a sixth and
// five days. The life is what the platform told, of whichever of the two tokens
// ends first, and thirty days where it told nothing that can be. Between two
// renewals of a grant is at least a minute.
//
// A call that is refused because the session has expired renews it at once, before
// its turn, but not again at once: the pauses between such renewals double, from a
// minute to half a life or six hours, and where renewals are counted from a sixtieth
// of the life. They do not grow by one that came after a quarter of the life, or after
// ten minutes where the life is not told, and begin anew with a renewal in its turn.
// Of an allowance as many renewals are kept for their turn as last for the seven days
// in which managers are warned, six at most.
//
// A renewal that fails leaves the pair. It is tried again after pauses that double
// from a minute, while the session serves up to an hour, afterwards up to a day. An
// answer that was lost is asked for after ten seconds, once; each further try may
// cost a renewal, so that where they are counted the pauses grow fourfold, up to a
// sixth of the life. Where a try costs nothing, a call that waits makes the pause a
// quarter.
// Only what the platform documents as the end of a refresh token ends a grant, or
// any refusal after the refresh token's own end, as told. A grant whose session is
// refused at calls and that cannot be renewed is void all the same, until the
// session is taken again, a renewal succeeds or a new authorisation comes: managers
// are told with the first call that is refused, and for as long as calls are, once
// in a day.
//
// All replicas go by the times and counts in the row of the grant, which they change
// by compare-and-swap.
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

	// Place gives who authorised stores their place there; nil: none.
	Place func(ctx context.Context, tx *models.DB, by Asker, stores []models.Store) error

	// MayAdd finds the store that who authorised a shop may add it to, at this moment;
	// false: it is none of theirs. nil: a shop is always a new store.
	MayAdd func(ctx context.Context, tx *models.DB, by Asker, store int64) (models.Store, bool, error)

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

	// Which of these accounts is the shop of Store is asked, by a button for each.
	Store  int64
	Either []models.Account
}

// Keeper does it. Make it with [New]; it is safe for concurrent use, and any
// number of processes may run one on the same database.
type Keeper struct{ Options }

// Reasons of a failed renewal that are no classes; others are classes of
// [dianping.Class].
const (
	reasonNoPlatform = "no_platform" // the platform is not configured any more
	reasonUnbound    = "unbound"     // the merchant withdrew the consent
	reasonAnswered   = "other"       // the platform said no, with an undocumented code
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
	g.Scope, g.RenewedAt = from.Scope, k.Now()
	g.DueAt = k.renewal(g)
	return g
}
