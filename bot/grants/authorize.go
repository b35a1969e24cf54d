package grants

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanquan/dianping"
	"yanquan/models"
)

// LinkLife is how long a link to the platform's page serves, and how long a
// manager may take there.
const LinkLife = 10 * time.Minute

// Kinds of tickets: what a link in a chat opens, and what a browser comes back
// with.
const (
	linkTicket  = "authorize"
	stateTicket = "state"
)

// Asker is the manager who asked for an authorisation, and where.
type Asker struct {
	User, Channel, Chat string
}

// Authorization is a link that leads a manager to the platform's page.
type Authorization struct {
	Platform string
	User     string
	Expires  time.Time
}

// Connected is what a finished authorisation has connected.
type Connected struct {
	Platform string
	Stores   []string  // names
	Until    time.Time // when a person must renew it; zero: not known, or never
}

// Why a link or a notice is not taken.
var (
	ErrLinkOver    = errors.New("grants: the link was used, is too old or is none of ours")
	ErrPlatformOff = errors.New("grants: the platform is not configured")
)

// Error is an authorisation that the platform did not grant.
type Error struct {
	Reason string // a short fixed word
	Words  string // for the manager, with the next step
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "grants: " + e.Reason
	}
	return "grants: " + e.Reason + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// NewLink makes a link for one person, to be used once. The shop that is authorised
// becomes a further account of a store; 0: a new store.
func (k *Keeper) NewLink(ctx context.Context, platform string, by Asker, store int64) (string, error) {
	if !k.has(platform) {
		return "", ErrPlatformOff
	}
	secret, err := k.ticket(ctx, linkTicket, platform, by, store)
	if err != nil {
		return "", err
	}
	return k.Link(platform, secret), nil
}

// ticket makes a ticket whose secret says for which store it is. The database keeps a
// fingerprint of all of the secret, so that the store in it cannot be changed.
func (k *Keeper) ticket(ctx context.Context, kind, platform string, by Asker, store int64) (string, error) {
	secret := k.NewSecret()
	if store != 0 {
		secret += storeMark + strconv.FormatInt(store, 10)
	}
	err := k.DB.Tickets.Save(ctx, secret, models.Ticket{
		Kind: kind, UserID: by.User, Platform: platform, Channel: by.Channel, Chat: by.Chat,
		CreatedAt: k.Now(), ExpiresAt: k.Now().Add(LinkLife),
	})
	if err != nil {
		return "", fmt.Errorf("grants: ticket: %w", err)
	}
	return secret, nil
}

// storeMark stands between the unguessable part of a ticket's secret, of letters and
// digits, and its store.
const storeMark = "-"

// storeIn is the store that a ticket is for; 0: a new one.
func storeIn(secret string) int64 {
	_, id, _ := strings.Cut(secret, storeMark)
	store, _ := strconv.ParseInt(id, 10, 64)
	return store
}

// Authorization looks at a link without using it up.
func (k *Keeper) Authorization(ctx context.Context, platform, ticket string) (Authorization, error) {
	if !k.has(platform) {
		return Authorization{}, ErrPlatformOff
	}
	t, err := k.DB.Tickets.Get(ctx, linkTicket, ticket)
	if err := over(err); err != nil {
		return Authorization{}, err
	}
	if t.Platform != platform {
		return Authorization{}, ErrLinkOver
	}
	return Authorization{Platform: platform, User: t.UserID, Expires: t.ExpiresAt}, nil
}

// over makes one answer of a ticket that is unknown, used or too old: who tries
// them learns nothing.
func over(err error) error {
	if errors.Is(err, models.ErrNotFound) || errors.Is(err, models.ErrStale) {
		return ErrLinkOver
	}
	return err
}

// StartAuthorization uses a link up and says where the browser goes.
func (k *Keeper) StartAuthorization(ctx context.Context, platform, ticket string) (string, error) {
	if _, err := k.Authorization(ctx, platform, ticket); err != nil {
		return "", err
	}
	t, err := k.DB.Tickets.Use(ctx, linkTicket, ticket)
	if err := over(err); err != nil {
		return "", err
	}
	state, err := k.ticket(ctx, stateTicket, platform, Asker{t.UserID, t.Channel, t.Chat}, storeIn(ticket))
	if err != nil {
		return "", err
	}
	return k.Authorizers[platform].AuthorizeURL(k.request(platform, state))
}

func (k *Keeper) request(platform, state string) dianping.AuthorizeRequest {
	return dianping.AuthorizeRequest{Purpose: dianping.ForVouchers, State: state, RedirectURL: k.Callback(platform)}
}

// FinishAuthorization takes what a browser comes back with: it stores the grant
// and connects its shops.
func (k *Keeper) FinishAuthorization(ctx context.Context, platform string, query url.Values) (Connected, error) {
	auth := k.Authorizers[platform]
	if auth == nil {
		return Connected{}, ErrPlatformOff
	}
	back, err := auth.ReadCallback(query)
	if err != nil {
		return Connected{}, ErrLinkOver
	}
	t, err := k.DB.Tickets.Use(ctx, stateTicket, back.State)
	if err := over(err); err != nil {
		return Connected{}, err
	}
	if t.Platform != platform {
		return Connected{}, ErrLinkOver
	}
	// The code serves once: from here on a closed page must not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*k.CallTimeout+storing)
	defer cancel()
	grant, err := auth.Exchange(ctx, k.request(platform, back.State), back)
	if err != nil {
		return Connected{}, failure(err)
	}
	if grant.ShopID == "" && grant.CustomerID == "" {
		return Connected{}, failure(errors.New("the platform does not say whose the grant is"))
	}
	shops, err := auth.Shops(ctx, grant)
	if err == nil && len(shops) == 0 {
		err = errors.New("the grant covers no shop")
	}
	if err != nil {
		return Connected{}, failure(err)
	}
	return k.connect(ctx, platform, grant, shops, Asker{t.UserID, t.Channel, t.Chat}, storeIn(back.State))
}

// failure is what a manager is told of a grant that did not come about.
func failure(err error) error {
	e, _ := errors.AsType[*dianping.Error](err)
	switch {
	case e == nil:
		return &Error{"no_shop", "授权成功了，但平台没有给出任何门店。请确认授权时勾选了门店，再发「授权」重新来一次。", err}
	case e.Class == dianping.Reauthorize:
		return &Error{string(e.Class), "这次授权已经用过或超时了。请回到企业微信，再发「授权」重新来一次。", err}
	case e.Class == dianping.Misconfigured:
		return &Error{string(e.Class), "平台不接受我们的请求。请管理员检查 config.yaml 里的平台账号和密钥。", err}
	}
	return &Error{string(e.Class), "平台没有给出结果。请过几分钟再发「授权」重新来一次。", err}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
