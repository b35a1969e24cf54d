package wecomtest

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// ErrNoSignIn: WeCom shows a page that says so, and does not redirect.
var ErrNoSignIn = errors.New("wecomtest: this address signs nobody in")

// visitor is who stands behind a code.
type visitor struct {
	bot     *bot
	user    string
	expires time.Time
}

var stateForm = regexp.MustCompile(`^[a-zA-Z0-9]{0,128}$`)

// Authorize opens one of the addresses by which a page learns who visits it, as
// WeCom's own browser (page 91022) or a scanned login page (page 98152) does,
// and returns the address it sends the browser back to. Who is no member gets a
// code as well.
func (w *WeCom) Authorize(user, address string) (back string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	refuse := func(why string) (string, error) { return "", fmt.Errorf("%w: %s: %s", ErrNoSignIn, why, address) }
	u, err := url.Parse(address)
	if err != nil {
		return refuse(err.Error())
	}
	q := u.Query()
	switch u.Scheme + "://" + u.Host + u.Path {
	case "https://open.weixin.qq.com/connect/oauth2/authorize":
		if q.Get("response_type") != "code" || q.Get("scope") != "snsapi_base" || u.Fragment != "wechat_redirect" {
			return refuse("response_type, scope or #wechat_redirect")
		}
	case "https://login.work.weixin.qq.com/wwlogin/sso/login":
		if q.Get("login_type") != "CorpApp" || q.Get("agentid") == "" {
			return refuse("login_type or agentid")
		}
	default:
		return refuse("no such page")
	}
	target, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || target.Host == "" || !stateForm.MatchString(q.Get("state")) {
		return refuse("redirect_uri or state")
	}
	for _, b := range w.apps {
		if b.app.CorpID != q.Get("appid") || q.Get("agentid") != "" && q.Get("agentid") != strconv.Itoa(b.app.AgentID) {
			continue
		}
		if b.app.TrustedDomain == "" || target.Host != b.app.TrustedDomain {
			return refuse("the host of redirect_uri is no 可信域名 (50001)")
		}
		code := w.newID(43)
		w.visitors[code] = visitor{bot: b, user: user, expires: w.opt.Now().Add(visitorLife)}
		values := target.Query()
		values.Set("code", code)
		values.Set("state", q.Get("state"))
		target.RawQuery = values.Encode()
		return target.String(), nil
	}
	return refuse("no such app")
}

// getVisitor tells who is behind a code, once (page 91023).
func (w httpAPI) getVisitor(c *apiCall) (object, *apiError) {
	code := c.r.URL.Query().Get("code")
	v, ok := w.visitors[code]
	if !ok || v.bot != c.bot || !w.opt.Now().Before(v.expires) {
		return nil, refusef(40029, "invalid code")
	}
	delete(w.visitors, code)
	if u, ok := w.users[fold(v.user)]; ok {
		return object{"userid": u.ID}, nil
	}
	return object{"openid": "o" + v.user}, nil
}
