package dianpingtest

import (
	"net/http"
	"slices"
	"time"
)

// gen1Pair is the first generation's answer with tokens: flat, unlike all others.
type gen1Pair struct {
	Code         int    `json:"code"`
	Msg          string `json:"msg"`
	AccessToken  string `json:"access_token"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Remaining    int    `json:"remain_refresh_count"`
	TokenType    string `json:"tokenType"`
	Scope        string `json:"scope"`
	Bid          string `json:"bid"`
}

// tokens answers the two calls for tokens. They are not signed. The caller
// holds the lock.
func (p gen1) tokens(c *call, now time.Time) (answer any, effect string) {
	no := func(r *refusal) (any, string) { return gen1Refusal(r, nil), "" }
	switch {
	case c.method != http.MethodPost:
		return no(refuse(codeBadMethod))
	case !c.form:
		return no(refuseFor(codeUnreadable, "Content-Type应为application/x-www-form-urlencoded"))
	case c.trouble != "":
		return no(refuseFor(codeUnreadable, c.trouble))
	}
	args := formArgs{fields: c.fields}
	key, secret, kind := args.text("app_key"), args.text("app_secret"), args.text("grant_type")
	var spent string
	if c.name == callRefresh {
		spent = args.text("refresh_token")
	} else {
		spent = args.text("auth_code")
		if kind != "authorization_code" {
			args.fail("参数格式错误", "grant_type")
		}
	}
	if r := args.malformed(); r != nil {
		return no(r)
	}
	if !sameText(key, p.opts.AppKey) || !sameText(secret, p.opts.AppSecret) {
		return no(refuse(codeBadApp))
	}
	var g granted
	if c.name == callRefresh {
		g = authorizer(p).refresh(spent, Dianping, 0, now)
	} else {
		g = authorizer(p).exchange(spent, c.fields["redirect_url"], Dianping, 0, now)
	}
	switch {
	case g.refused == codeSpent:
		return no(refuse(codeBadAuthCode))
	case g.refused != 0:
		return no(refuse(codeBadRefresh))
	}
	return gen1Pair{
		Code: 200, Msg: "success", AccessToken: g.Token, ExpiresIn: secondsLeft(g.authorization, now),
		RefreshToken: g.RefreshToken, Remaining: g.RefreshesLeft, TokenType: "bearer", Scope: "tuangou", Bid: g.Customer,
	}, g.effect
}

// gen1ShopRow is a row of session/scope.
type gen1ShopRow struct {
	OpenShopUUID string `json:"open_shop_uuid"`
	Name         string `json:"shopname"`
	Branch       string `json:"branchname"`
	Address      string `json:"shopaddress"`
	City         string `json:"cityname"`
}

func (p gen1) scope(a *formArgs, sess *Session) (any, *refusal) {
	bid := a.text("bid")
	offset, limit := a.number("offset", 0), a.number("limit", maxShops)
	if offset < 0 || limit < 1 || limit > maxShops {
		a.fail("参数超出范围", "offset, limit")
	}
	if r := a.malformed(); r != nil {
		return nil, r
	}
	if bid != sess.Customer {
		return nil, refuseFor(codeShopNotGranted, "bid")
	}
	rows := []gen1ShopRow{}
	for _, s := range p.shopPage(sess.Shops, offset, limit) {
		rows = append(rows, gen1ShopRow{s.ID, s.Name, s.Branch, s.Address, s.City})
	}
	return rows, nil
}

// maxShops is how many shops can be asked for at a time; invented.
const maxShops = 100

// shopPage gives a page of shops, in the order in which they were added.
func (p *Platform) shopPage(ids []string, offset, limit int64) []*Shop {
	granted := []*Shop{}
	for _, s := range p.shops {
		if slices.Contains(ids, s.ID) {
			granted = append(granted, s)
		}
	}
	switch p.knobs.ShopPaging {
	case PagingNone:
		return granted
	case PagingPages:
		return pageNumber(granted, offset, limit)
	default:
		return page(granted, offset, limit)
	}
}
