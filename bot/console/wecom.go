package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"yanquan/bot"
)

// Members is how WeCom says who is at the browser: it sends the browser back with
// a code.
type Members interface {
	AuthorizeURL(back, state string, inWeCom bool) string
	Visitor(ctx context.Context, code string) (userID string, err error)
}

// stateCookie ties what WeCom sends back to the browser that was sent there, so
// that no link signs another's browser in as its sender.
func (c *Console) stateCookie() string { return c.cookie() + "-state" }

// askWeCom sends the browser to WeCom. Nothing is stored: the page is open to all.
func (c *Console) askWeCom(w http.ResponseWriter, r *http.Request) {
	state := c.states.sign()
	c.put(w, c.stateCookie(), state+"."+url.QueryEscape(c.wanted(r.URL.Query().Get("next"))), stateLife)
	back := strings.TrimRight(c.PublicURL, "/") + Root + "in/wecom"
	// WeCom's browsers, phone and desktop, say so in their name.
	inWeCom := strings.Contains(strings.ToLower(r.UserAgent()), "wxwork")
	http.Redirect(w, r, c.Members.AuthorizeURL(back, state, inWeCom), http.StatusSeeOther)
}

// fromWeCom is where the browser comes back to.
func (c *Console) fromWeCom(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead { // whatever looks at addresses uses nothing up
		return
	}
	next, err := c.cameBack(r)
	if !errors.Is(err, errBusy) { // then the same address works a little later
		c.put(w, c.stateCookie(), "", 0)
	}
	var user string
	if err == nil {
		user, err = c.Members.Visitor(r.Context(), r.URL.Query().Get("code"))
	}
	if err == nil {
		c.states.held()
		if user == "" {
			err = errNoDesk // a guest of the corp, or a customer
		}
	}
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	session, until, err := c.SignIns.Admit(context.WithoutCancel(r.Context()), user)
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	c.setCookie(w, session, until)
	http.Redirect(w, r, c.root+c.wanted(next), http.StatusSeeOther)
}

var errBusy = errors.New("console: too many sign-ins that did not hold")

// cameBack gives the page that the browser wanted, if this is the browser that was
// sent to WeCom and WeCom may be asked who is at it.
func (c *Console) cameBack(r *http.Request) (next string, err error) {
	k, err := r.Cookie(c.stateCookie())
	if err != nil || r.URL.Query().Get("code") == "" {
		return "", bot.ErrSignInOver
	}
	state, next, _ := strings.Cut(k.Value, ".")
	if subtle.ConstantTimeCompare([]byte(state), []byte(r.URL.Query().Get("state"))) != 1 {
		return "", bot.ErrSignInOver
	}
	switch c.states.use(state) {
	case notOurs:
		return "", bot.ErrSignInOver
	case busy:
		return "", errBusy
	}
	if next, err = url.QueryUnescape(next); err != nil {
		next = ""
	}
	return next, nil
}

// wanted is the page to show after signing in, relative to the root; what is not
// one becomes the first page.
func (c *Console) wanted(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "/") || strings.Contains(next, "..") || strings.HasPrefix(u.Path, "in") || len(next) > 500 {
		return ""
	}
	return u.String()
}
