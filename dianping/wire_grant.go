package dianping

import (
	"net/http"
	"strconv"
	"time"
)

// The first generation's one scope that is asked for.
const scopeVouchers = `["tuangou"]`

func (d dianpingDialect) asks(p Purpose) bool { return p == ForVouchers }

// refreshLife: public sources tell how often a token can be refreshed, not until
// when.
func (d dianpingDialect) refreshLife() time.Duration { return 0 }

// authorizePage is page 6000164, which is not signed.
func (d dianpingDialect) authorizePage(req AuthorizeRequest, _ time.Time) wire {
	return wire{method: http.MethodGet, path: "/dz-open/merchant/auth", fields: map[string]string{
		"app_key": d.appKey, "state": req.State, "redirect_url": req.RedirectURL, "scope": scopeVouchers,
	}}
}

// tokenWire: the calls for tokens are not signed, they hold the secret itself.
func (d dianpingDialect) tokenWire(r request) wire {
	fields := map[string]string{"app_key": d.appKey, "app_secret": d.appSecret}
	if r.call == CallToken {
		fields["grant_type"] = "authorization_code"
		fields["auth_code"] = r.authCode
		fields["redirect_url"] = r.redirectURL
	} else {
		fields["grant_type"] = "refresh_token"
		fields["refresh_token"] = r.grant.RefreshToken
	}
	tidy(fields)
	to := dianpingCalls[r.call]
	return wire{method: to.method, path: to.path, fields: fields}
}

// notice: no public source knows of any.
func (d dianpingDialect) notice(map[string]string) (Notice, error) {
	return Notice{}, &Error{Platform: Dianping, Call: CallNotice, Class: Unsupported}
}

// businessShopList is 服务零售(客户).
const businessShopList = 59

func (d meituanDialect) asks(p Purpose) bool { return p == ForVouchers || p == ForShopList }

func (d meituanDialect) refreshLife() time.Duration { return 35 * 24 * time.Hour }

func (d meituanDialect) business(p Purpose) string {
	if p == ForShopList {
		return strconv.Itoa(businessShopList)
	}
	return strconv.Itoa(d.businessID)
}

// purposeOf is the reverse of business; empty for what we never ask.
func (d meituanDialect) purposeOf(business string) Purpose {
	for _, p := range []Purpose{ForVouchers, ForShopList} {
		if business == d.business(p) {
			return p
		}
	}
	return ""
}

// authorizePage: https://developer.meituan.com/docs/biz/comm-dev-isv-auth. The
// address is signed by the rule of the calls.
func (d meituanDialect) authorizePage(req AuthorizeRequest, now time.Time) wire {
	fields := d.unsigned(req.Purpose, now)
	fields["state"] = req.State
	fields["sign"] = SignSHA1(d.signKey, fields)
	return wire{method: http.MethodGet, path: "/general/auth", fields: fields}
}

func (d meituanDialect) tokenWire(r request, now time.Time) wire {
	fields := d.unsigned(r.grant.Purpose, now)
	path := "/oauth/token"
	if r.call == CallToken {
		fields["code"] = r.authCode
		fields["grantType"] = "authorization_code"
	} else {
		path = "/oauth/refresh"
		fields["refreshToken"] = r.grant.RefreshToken
		fields["grantType"] = "refresh_token"
		fields["scope"] = "all"
	}
	fields["sign"] = SignSHA1(d.signKey, fields)
	return wire{method: http.MethodPost, path: path, fields: fields}
}

// unsigned are the parameters that stand in everything.
func (d meituanDialect) unsigned(p Purpose, now time.Time) map[string]string {
	return map[string]string{
		"developerId": d.developerID,
		"businessId":  d.business(p),
		"timestamp":   strconv.FormatInt(now.Unix(), 10),
		"charset":     "UTF-8",
	}
}
