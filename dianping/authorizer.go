package dianping

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"yanquan/internal/httpcall"
	"yanquan/internal/scrub"
)

var errNoSuchConsent = errors.New("this generation of the platform has no such consent")

var (
	stateForm = form{16, 128, regexp.MustCompile(`^[0-9A-Za-z._~-]*$`)}
	tokenForm = form{1, 1000, regexp.MustCompile(`^[!-~]*$`)}
)

// form is what a field may be: how many bytes, and which. As a count of the expression, they
// would take milliseconds of each start.
type form struct {
	least, most int
	bytes       *regexp.Regexp
}

func (f form) matches(s string) bool {
	return len(s) >= f.least && len(s) <= f.most && f.bytes.MatchString(s)
}

func (c *client) AuthorizeURL(req AuthorizeRequest) (string, error) {
	report := c.reporter(request{call: CallAuthorize})
	if c.authBase == "" {
		return "", report.fail(Misconfigured, errors.New("no authorisation URL is configured"))
	}
	if !stateForm.matches(req.State) {
		return "", report.fail(Misconfigured, errors.New("a state is 16 to 128 letters, digits and -._~"))
	}
	req.Purpose = req.Purpose.orDefault()
	if !c.dialect.asks(req.Purpose) {
		return "", report.fail(Unsupported, errNoSuchConsent)
	}
	w := c.dialect.authorizePage(req, c.now())
	if address, has := w.fields["redirect_url"]; has && !isWebAddress(address) {
		return "", report.fail(Misconfigured, errors.New("the redirect URL is not an absolute http or https address"))
	}
	return c.authBase + w.path + "?" + httpcall.Encode(w.values()), nil
}

func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// ReadCallback takes the names of both generations: auth_code, and code.
func (c *client) ReadCallback(query url.Values) (Callback, error) {
	for _, name := range []string{"auth_code", "code", "state", "opBizCode", "opBizName"} {
		if len(query[name]) > 1 {
			return Callback{}, fmt.Errorf("%w: a parameter of the callback is there twice", ErrMalformed)
		}
	}
	back := Callback{
		Code: query.Get("auth_code"), State: query.Get("state"),
		BizCode: strings.TrimSpace(query.Get("opBizCode")), BizTitle: scrub.Plain(query.Get("opBizName"), 100),
	}
	if back.Code == "" {
		back.Code = query.Get("code")
	}
	if !tokenForm.matches(back.Code) || !stateForm.matches(back.State) {
		return Callback{}, fmt.Errorf("%w: the callback has no code or no state of ours", ErrMalformed)
	}
	return back, nil
}

func (c *client) Exchange(ctx context.Context, asked AuthorizeRequest, back Callback) (Grant, error) {
	r := request{call: CallToken, grant: Grant{Purpose: asked.Purpose.orDefault()}, authCode: back.Code, redirectURL: asked.RedirectURL}
	if !c.dialect.needsShopID() {
		r.claimed = back.BizCode
	}
	if subtle.ConstantTimeCompare([]byte(asked.State), []byte(back.State)) != 1 {
		return Grant{}, c.reporter(r).fail(Misconfigured, errors.New("the callback is not of this request"))
	}
	g, err := c.obtain(ctx, r)
	if err == nil && g.ShopID != "" && g.ShopID == r.claimed { // a name for the shop that the platform names
		g.ShopName = back.BizTitle
	}
	return g, err
}

func (c *client) Refresh(ctx context.Context, g Grant) (Grant, error) {
	g.Purpose = g.Purpose.orDefault()
	g.RefreshToken = strings.TrimSpace(g.RefreshToken)
	r := request{call: CallRefresh, grant: g}
	if g.RefreshToken == "" {
		e := c.reporter(r).fail(Reauthorize, errors.New("the grant has no refresh token"))
		e.Reason = RefreshSpent
		return Grant{}, e
	}
	return c.obtain(ctx, r)
}

// obtain asks for tokens. Their time counts from before the request, so that a
// slow answer does not lengthen it.
func (c *client) obtain(ctx context.Context, r request) (Grant, error) {
	if !c.dialect.asks(r.grant.Purpose) {
		return Grant{}, c.reporter(r).fail(Unsupported, errNoSuchConsent)
	}
	r.shop.ID = r.grant.ShopID // for Observe
	asked := c.now()
	return once(ctx, c, r, func(data any) (Grant, error) {
		return readGrant(r.grant, r.claimed, data, asked, c.dialect.refreshLife())
	})
}

// shopLimit is how many shops are asked for at a time. What the platform allows
// is not known; public clients ask for 20 and for 100.
const shopLimit = 50

func (c *client) Shops(ctx context.Context, g Grant) ([]AuthorizedShop, error) {
	g.Purpose = g.Purpose.orDefault()
	if g.ShopID != "" {
		return []AuthorizedShop{{ID: g.ShopID, Name: g.ShopName}}, nil
	}
	r := request{call: CallShops, shop: Shop{Session: g.AccessToken}, grant: g, limit: shopLimit}.trimmed()
	key := func(s AuthorizedShop) string { return s.ID }
	list, err := collect(r.limit, false, key, func(offset int) (page[AuthorizedShop], *Error) {
		r.offset = offset
		return fetch(ctx, c, r, readShops)
	}, c.reporter(r))
	return list, asError(err)
}

// checkGrant refuses what no platform could serve, for the calls of an
// [Authorizer].
func (r request) checkGrant() error {
	switch r.call {
	case CallToken:
		if !tokenForm.matches(r.authCode) {
			return errors.New("the callback has no code")
		}
	case CallRefresh:
		if !tokenForm.matches(r.grant.RefreshToken) {
			return errors.New("the refresh token is none")
		}
	case CallShops:
		if r.shop.Session == "" {
			return errors.New("the grant has no access token")
		}
		if r.grant.CustomerID == "" && r.grant.Purpose != ForShopList {
			return errors.New("the grant names neither a shop nor a customer")
		}
	}
	return nil
}

func (p Purpose) orDefault() Purpose {
	if p == "" {
		return ForVouchers
	}
	return p
}
