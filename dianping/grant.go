package dianping

import (
	"errors"
	"strings"
	"time"

	"yanquan/internal/loose"
	"yanquan/internal/scrub"
)

// belongsTo notes whose grant it is: a shop's, or a customer's.
func (g *Grant) belongsTo(bizCode string) {
	if g.Purpose == ForShopList {
		g.CustomerID = bizCode
	} else {
		g.ShopID = bizCode
	}
}

// maxLife is the longest life of a token that is believed.
const maxLife = 10 * 365 * 24 * time.Hour

// readGrant reads new tokens. known is what the request was about: it fills in
// what the answer does not repeat. claimed is whose grant it is by the word of a
// browser, or "": it fills in nothing, and the answer must not differ. refreshLife is how long a refresh token lasts,
// 0 where that is not known.
func readGrant(known Grant, claimed string, data any, asked time.Time, refreshLife time.Duration) (Grant, error) {
	o, _ := single(data)
	g := known
	g.AccessToken, g.RefreshToken = o.text("accesstoken"), o.text("refreshtoken")
	if !tokenForm.matches(g.AccessToken) || g.RefreshToken != "" && !tokenForm.matches(g.RefreshToken) {
		return Grant{}, errNoData("token that can be read")
	}
	g.ExpiresAt, g.RefreshExpiresAt = time.Time{}, time.Time{}
	if seconds := o.number("expiresin", "expirein"); seconds > 0 && seconds <= int64(maxLife/time.Second) {
		g.ExpiresAt = asked.Add(time.Duration(seconds) * time.Second)
	}
	if g.RefreshToken != "" && refreshLife > 0 {
		g.RefreshExpiresAt = asked.Add(refreshLife)
	}
	g.RefreshesLeft = RefreshesNotTold
	if left, told := loose.Integer(o.text("remainrefreshcount")); told {
		g.RefreshesLeft = int(min(max(left, 0), 1_000_000))
	}
	if scope := scopeText(o["scope"]); scope != "" {
		g.Scope = scope
	}
	told := Grant{Purpose: g.Purpose}
	told.belongsTo(o.text("opbizcode"))
	if bid := o.text("bid"); bid != "" {
		told.CustomerID = bid
	}
	if differs(claimed, o.text("opbizcode")) || differs(known.ShopID, told.ShopID) || differs(known.CustomerID, told.CustomerID) {
		return Grant{}, errors.New("the answer is about another shop or customer")
	}
	if told.ShopID != "" {
		g.ShopID = told.ShopID
	}
	if told.CustomerID != "" {
		g.CustomerID = told.CustomerID
	}
	return g, nil
}

// differs reports whether two ids, where both are known, are not the same.
func differs(known, told string) bool { return known != "" && told != "" && known != told }

// scopeText reads a scope that is text, or a list of texts.
func scopeText(v any) string {
	list, ok := embedded(v).([]any)
	if !ok {
		return loose.Scalar(v)
	}
	var names []string
	for _, element := range list {
		if name := loose.Scalar(element); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// readShops reads one page of session/scope or pageQueryPoiList.
func readShops(data any) (page[AuthorizedShop], error) {
	list, total, told := listIn(data, "poiinfolist")
	p, err := readPage(list, "shops", func(o object) (AuthorizedShop, bool) {
		id := o.text("openshopuuid", "oppoiid")
		return AuthorizedShop{
			ID: id, Name: shopName(o), Address: o.text("shopaddress", "address"), City: o.text("cityname"),
		}, id != ""
	})
	p.total, p.told = total, told
	return p, err
}

// maxTitle is the longest name of a shop or deal, in characters.
const maxTitle = 250

func shopName(o object) string {
	name, branch := scrub.Plain(o.text("shopname", "name"), maxTitle), scrub.Plain(o.text("branchname"), maxTitle)
	if branch == "" || strings.Contains(name, branch) {
		return name
	}
	return name + "（" + branch + "）"
}
