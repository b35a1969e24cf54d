package dianping

import (
	"context"
	"log/slog"
	"net/url"
	"time"
)

// API is everything a platform offers: vouchers, and the merchant's consent to
// handle them.
type API interface {
	Client
	Authorizer
}

// Authorizer obtains a merchant's authorisation, renews it and hears of its end.
// Implementations are safe for concurrent use. Errors are of type [*Error],
// those of ReadCallback and ReadNotice excepted.
//
// A merchant is sent to AuthorizeURL and comes back with what ReadCallback
// reads; Exchange makes a [Grant] of it, Shops says which shops it covers, and
// Refresh replaces it by the next one before it ends.
type Authorizer interface {
	// Platform is [Dianping] or [Meituan].
	Platform() string

	// AuthorizeURL is where the merchant's browser is sent. The second
	// generation's address is signed with the time: make it when it is opened.
	AuthorizeURL(req AuthorizeRequest) (string, error)

	// ReadCallback reads the query with which the browser comes back. Any client can
	// make one up: look its state up before anything else. Its error is
	// [ErrMalformed].
	ReadCallback(query url.Values) (Callback, error)

	// Exchange turns a callback into a grant. asked is what AuthorizeURL was
	// called with; a callback with another state is not sent on. A code serves
	// once: after [UnknownOutcome] and [Reauthorize] the merchant starts again.
	Exchange(ctx context.Context, asked AuthorizeRequest, back Callback) (Grant, error)

	// Refresh replaces a grant's tokens. Make the result durable before its first
	// use, for the old refresh token is spent. After [UnknownOutcome] the pair may
	// have been replaced without our learning the new one; whether the platform
	// then still takes the old one is not documented, so try until it ends:
	// [Reauthorize] is the answer that it does not, and the first generation has
	// no documented code for that. Reason [Other] is a refusal whose code is not
	// documented.
	Refresh(ctx context.Context, g Grant) (Grant, error)

	// Shops returns the shops that a grant covers, all pages.
	Shops(ctx context.Context, g Grant) ([]AuthorizedShop, error)

	// ReadNotice verifies and reads a message that the platform posted to us. Its
	// errors are [ErrNotAuthentic] and, of one that is signed, [ErrMalformed]; the first generation sends
	// none and answers with class [Unsupported].
	ReadNotice(form url.Values) (Notice, error)
}

// Purpose is what a merchant is asked to allow.
type Purpose string

// The purposes. The first generation has one consent for both, [ForVouchers].
const (
	ForVouchers Purpose = "vouchers"  // the zero value counts as this one; businessId 58
	ForShopList Purpose = "shop_list" // second generation: the list of a customer's shops, businessId 59
)

// AuthorizeRequest asks a merchant for consent.
type AuthorizeRequest struct {
	Purpose Purpose
	State   string // random, 16 to 128 letters, digits and -._~; comes back unchanged
	// RedirectURL is where the browser comes back to. The second generation uses
	// the address registered with the application instead.
	RedirectURL string
}

// String keeps the state, which is a one-time secret, out of formatted text.
func (r AuthorizeRequest) String() string { return "dianping.AuthorizeRequest{" + r.RedirectURL + "}" }

// GoString keeps the state out of %#v.
func (r AuthorizeRequest) GoString() string { return r.String() }

// LogValue keeps the state out of logs.
func (r AuthorizeRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Callback is what a merchant's browser brings back.
type Callback struct {
	Code     string // serves once, for ten minutes
	State    string
	BizCode  string // second generation: opBizCode, a shop's or customer's id; not signed, and not believed: the tokens' answer says whose they are
	BizTitle string // second generation: opBizName; taken where the tokens' answer names the same BizCode
}

// String keeps the code out of formatted text.
func (c Callback) String() string { return "dianping.Callback{" + c.BizCode + "}" }

// GoString keeps the code out of %#v.
func (c Callback) GoString() string { return c.String() }

// LogValue keeps the code out of logs.
func (c Callback) LogValue() slog.Value { return slog.StringValue(c.String()) }

// RefreshesNotTold is the value of [Grant.RefreshesLeft] where the platform does
// not count.
const RefreshesNotTold = -1

// Grant is a merchant's consent with the tokens that stand for it. Fields the
// platform left out are zero.
type Grant struct {
	Purpose     Purpose
	AccessToken string // the session of [Shop]
	ExpiresAt   time.Time

	RefreshToken     string    // empty: cannot be renewed, the merchant must authorise again
	RefreshExpiresAt time.Time // second generation: 35 days from the answer
	RefreshesLeft    int       // first generation: 12 after authorisation; or [RefreshesNotTold]

	CustomerID string // bid, or opBizCode of [ForShopList]; a first-generation grant covers shops of this customer
	ShopID     string // opBizCode of [ForVouchers]: the one shop of a second-generation grant
	ShopName   string // where the callback told
	Scope      string // as told, e.g. tuangou
}

// String keeps the tokens out of formatted text.
func (g Grant) String() string {
	return "dianping.Grant{customer:" + g.CustomerID + " shop:" + g.ShopID + "}"
}

// GoString keeps the tokens out of %#v.
func (g Grant) GoString() string { return g.String() }

// LogValue keeps the tokens out of logs.
func (g Grant) LogValue() slog.Value { return slog.StringValue(g.String()) }

// AuthorizedShop is a shop that a grant covers.
type AuthorizedShop struct {
	// ID is open_shop_uuid, or opBizCode where the grant is for one shop, or opPoiId
	// in a customer's list. No public source says that the last two are the same.
	ID      string
	Name    string // with the branch in brackets where it has one
	Address string
	City    string
}
