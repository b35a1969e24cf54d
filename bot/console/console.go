// Package console is the pages of leads and managers, signed in by a link from the
// chat or by WeCom: rendered on the server, without script and with nothing from
// elsewhere. What there is to see, and for whom, it asks package desk.
package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/models"
)

// Root is where the pages are.
const Root = "/console/"

// Desk is what the pages show; [desk.Desks] has it. What is not on a person's desk is
// [models.ErrNotFound] or left out.
type Desk interface {
	Desk(ctx context.Context, user string) (desk.Desk, error)
	Sheet(ctx context.Context, d desk.Desk, store int64, p command.Period) (desk.Sheet, error)
	History(ctx context.Context, d desk.Desk, q desk.Search) ([]desk.Found, *models.HistoryMark, error)
	Attempts(ctx context.Context, d desk.Desk, q desk.AttemptSearch) (desk.Attempts, error)
	Story(ctx context.Context, d desk.Desk, operationID string) (desk.VoucherView, []desk.Event, error)

	Checked(ctx context.Context, d desk.Desk, store int64, p command.Period) (day string, all []desk.DayChecked, err error)
	Roster(ctx context.Context, d desk.Desk, from int) (all []desk.StoreSheet, next int, err error)
	Changes(ctx context.Context, d desk.Desk) ([]desk.Change, error)
	Hooks(ctx context.Context, d desk.Desk) ([]desk.HookSheet, error)
}

// SignIns are the links and sessions by which people are known.
type SignIns interface {
	// OfferedSignIn looks at a link without using it up; SignIn does. The error of
	// what opens nothing is [bot.ErrSignInOver].
	OfferedSignIn(ctx context.Context, link string) (user string, err error)
	SignIn(ctx context.Context, link string) (session string, until time.Time, err error)
	// Admit begins a session of a user whom WeCom vouches for.
	Admit(ctx context.Context, user string) (session string, until time.Time, err error)
	SignedIn(ctx context.Context, session string) (user string, err error)
	SignOut(ctx context.Context, session string) error
}

// Options of a Console; all but Log, Members and PageTime are required.
type Options struct {
	Desk      Desk
	SignIns   SignIns
	Members   Members // nil: only links from the chat sign in
	StateKey  []byte  // signs what WeCom carries through a sign-in; the same in all replicas
	PublicURL string  // as browsers see it
	Location  *time.Location
	Now       func() time.Time
	PageTime  time.Duration // for reading a page; 0: two seconds
	Log       *slog.Logger
}

// Console serves the pages below [Root].
type Console struct {
	Options
	states  *states
	secure  bool   // browsers come by https
	root    string // where browsers find the pages
	handler http.Handler
}

// New builds the routes.
func New(o Options) (*Console, error) {
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Host == "" {
		return nil, fmt.Errorf("console: public URL %q", o.PublicURL)
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.PageTime = cmp.Or(o.PageTime, pageTime)
	c := &Console{Options: o, secure: public.Scheme == "https", root: strings.TrimRight(public.Path, "/") + Root}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Root+"in", c.offerSignIn)
	mux.HandleFunc("POST "+Root+"in", c.signIn)
	mux.HandleFunc("POST "+Root+"out", c.signOut)
	if c.Members != nil {
		if len(c.StateKey) < 32 {
			return nil, fmt.Errorf("console: a key of 32 bytes is needed, not %d", len(c.StateKey))
		}
		c.states = newStates(c.StateKey, c.Now)
		mux.HandleFunc("GET "+Root+"wecom", c.askWeCom)
		mux.HandleFunc("GET "+Root+"in/wecom", c.fromWeCom)
	}
	mux.HandleFunc("GET "+Root+"{$}", c.signedIn(c.sheet))
	mux.HandleFunc("GET "+Root+"history", c.signedIn(c.history))
	mux.HandleFunc("GET "+Root+"attempts", c.signedIn(c.attempts))
	mux.HandleFunc("GET "+Root+"scan", c.signedIn(c.scan))
	mux.HandleFunc("GET "+Root+"voucher/{id}", c.signedIn(c.voucher))
	mux.HandleFunc("GET "+Root+"reconcile", c.signedIn(c.reconcile))
	mux.HandleFunc("GET "+Root+"stores", c.signedIn(managing(c.stores)))
	mux.HandleFunc("GET "+Root+"audit", c.signedIn(managing(c.audit)))
	mux.HandleFunc(Root, func(w http.ResponseWriter, r *http.Request) {
		c.notice(w, r, http.StatusNotFound, "没有这个页面", "地址不完整或者不正确。")
	})
	// A form of another site, sent by a browser that is signed in here, does nothing.
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
		return nil, fmt.Errorf("console: public URL: %w", err)
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.notice(w, r, http.StatusForbidden, "没有执行", "这个请求不是从后台的页面发出的。")
	}))
	c.handler = guard.Handler(mux)
	return c, nil
}

func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// cookie is the name of the session's; __Host- keeps other hosts from setting it.
func (c *Console) cookie() string {
	if c.secure {
		return "__Host-yanquan"
	}
	return "yanquan"
}

func (c *Console) setCookie(w http.ResponseWriter, session string, until time.Time) {
	c.put(w, c.cookie(), session, until.Sub(c.Now()))
}

// put sets a cookie that scripts and other sites do not get; an empty one is taken
// away.
func (c *Console) put(w http.ResponseWriter, name, value string, life time.Duration) {
	k := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode, MaxAge: -1}
	if value != "" {
		k.MaxAge = int(life / time.Second)
	}
	http.SetCookie(w, k)
}

// offerSignIn shows a button. It leaves the link as it is, for whatever looks at
// links in a chat before people do sends a GET.
func (c *Console) offerSignIn(w http.ResponseWriter, r *http.Request) {
	link := r.URL.Query().Get("t")
	user, err := c.SignIns.OfferedSignIn(r.Context(), link)
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	c.render(w, r, http.StatusOK, page{Title: "登录后台", View: "signin", Data: signInView{Link: link, User: user}})
}

type signInView struct{ Link, User string }

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	session, until, err := c.SignIns.SignIn(context.WithoutCancel(r.Context()), r.PostFormValue("t"))
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	c.setCookie(w, session, until)
	http.Redirect(w, r, c.root, http.StatusSeeOther)
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if k, err := r.Cookie(c.cookie()); err == nil {
		if err := c.SignIns.SignOut(context.WithoutCancel(r.Context()), k.Value); err != nil {
			c.refuse(w, r, err)
			return
		}
	}
	c.setCookie(w, "", time.Time{})
	c.notice(w, r, http.StatusOK, "已退出", "要再看后台，请在企业微信里给我发「后台」。")
}

// pageTime is how long the reading for a page may take. A file has four connections to
// read by, for which the answers to callbacks wait, too; they have four seconds.
const pageTime = 2 * time.Second

// signedIn lets those through who are signed in and have a desk.
func (c *Console) signedIn(show func(http.ResponseWriter, *http.Request, desk.Desk) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), c.PageTime)
		defer cancel()
		r = r.WithContext(ctx)
		var user string
		k, err := r.Cookie(c.cookie())
		if err == nil {
			user, err = c.SignIns.SignedIn(r.Context(), k.Value)
		} else {
			err = bot.ErrSignInOver
		}
		var d desk.Desk
		if err == nil {
			d, err = c.Desk.Desk(r.Context(), user)
		}
		if err == nil && len(d.Stores) == 0 {
			err = errNoDesk
		}
		if err == nil {
			err = show(w, r, d)
		}
		if err != nil {
			c.refuse(w, r, err)
		}
	}
}

// managing lets those through who manage a store; leads do not.
func managing(show func(http.ResponseWriter, *http.Request, desk.Desk) error) func(http.ResponseWriter, *http.Request, desk.Desk) error {
	return func(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
		if len(d.Managed) == 0 {
			return errNotManaging
		}
		return show(w, r, d)
	}
}

var errNotManaging = errors.New("console: manages no store")

var errNoDesk = errors.New("console: leads and manages no store")

// askToSignIn says how; who came for a page gets it afterwards.
func (c *Console) askToSignIn(w http.ResponseWriter, r *http.Request) {
	v := noticeView{Title: "请先登录", Text: "请在企业微信里给我发「后台」，点收到的卡片登录。链接 10 分钟内有效，只能用一次。"}
	if c.Members != nil {
		v.Text = "用企业微信登录；或者在企业微信里给我发「后台」，点收到的卡片登录，链接 10 分钟内有效，只能用一次。"
		v.SignIn = c.root + "wecom"
		if next := c.wanted(strings.TrimPrefix(r.URL.RequestURI(), Root)); next != "" && r.Method == http.MethodGet {
			v.SignIn += "?next=" + url.QueryEscape(next)
		}
	}
	c.render(w, r, http.StatusUnauthorized, page{Title: v.Title, View: "notice", Data: v})
}

// refuse says in plain words why there is nothing to see.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, bot.ErrSignInOver):
		c.askToSignIn(w, r)
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "10")
		c.notice(w, r, http.StatusTooManyRequests, "现在不能用企业微信登录", "请过一会儿再试；或者在企业微信里给我发「后台」，点收到的卡片登录。")
	case errors.Is(err, errNoDesk):
		c.notice(w, r, http.StatusForbidden, "没有可以看的门店", "只有组长和店长可以看后台。")
	case errors.Is(err, errNotManaging):
		c.notice(w, r, http.StatusForbidden, "只有店长可以看", "门店、人员和变更只给店长看。")
	case errors.Is(err, models.ErrNotFound):
		c.notice(w, r, http.StatusNotFound, "没有这次核销", "可能不在您的门店，或者记录已经不在了。")
	case errors.Is(r.Context().Err(), context.DeadlineExceeded): // whatever the database calls that
		c.Log.Warn("console: a page took too long", "path", r.URL.Path, "limit", c.PageTime)
		c.notice(w, r, http.StatusServiceUnavailable, "要找的太多", "请选一家门店，或者选短一点的时间，再看一次。")
	case errors.Is(err, desk.ErrNoPeriod):
		c.notice(w, r, http.StatusBadRequest, "没有这一天", "请写成 2026-11-20 或 2026-11，不能是以后的日子。")
	default:
		c.Log.Error("console", "path", r.URL.Path, "error", err)
		c.notice(w, r, http.StatusServiceUnavailable, "暂时打不开", "请过一会儿再试。")
	}
}
