package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/bot"
	"yanquan/bot/grants"
	"yanquan/bot/platform"
)

// Merchants leads a manager through a platform's authorisation; a [grants.Keeper] does.
//
// The errors for people are [grants.ErrLinkOver], [grants.ErrPlatformOff] and
// [*grants.Error]; any other is trouble of our own.
type Merchants interface {
	// Authorization looks at a link without using it up.
	Authorization(ctx context.Context, platform, ticket string) (grants.Authorization, error)
	// StartAuthorization uses the link up and returns where the browser goes.
	StartAuthorization(ctx context.Context, platform, ticket string) (redirect string, err error)
	// FinishAuthorization takes what the platform sent the browser back with.
	FinishAuthorization(ctx context.Context, platform string, query url.Values) (grants.Connected, error)
	// PlatformNotice takes a message of the platform; answer is the body to give
	// back. What the platform need not send again is [grants.ErrPlatformOff],
	// [dianping.Unsupported] or [dianping.ErrNotAuthentic].
	PlatformNotice(ctx context.Context, platform string, form url.Values) (answer string, err error)
}

const (
	// finishWithin bounds the exchange of a code and the listing of the shops. It
	// must leave time to answer before writeTimeout.
	finishWithin = 15 * time.Second
	// startWithin bounds the using up of a link.
	startWithin = 5 * time.Second
)

// offerAuthorization shows where a link leads. It leaves the link as it is, for
// whatever looks at links in a chat before people do sends a GET.
func (s *Server) offerAuthorization(c *gin.Context) {
	token := c.Query("t")
	ticket, err := s.Links.Open(ToAuthorize, token)
	if err != nil {
		s.linkOver(c)
		return
	}
	a, err := s.Merchants.Authorization(c.Request.Context(), c.Param("platform"), ticket)
	if err != nil {
		s.notAuthorized(c, err, "请过一会儿再打开这个链接。")
		return
	}
	name := platformName(a.Platform)
	p := page{
		Mood: "plain", Title: "连接" + name + "门店",
		Text: "点下面的按钮，用门店的管理账号登录" + name + "并同意授权，门店就能在企业微信里验券。",
		Form: &form{Token: token, Button: "去" + name + "授权"},
	}
	if a.User != "" {
		p.Fields = append(p.Fields, bot.Field{Key: "申请人", Value: a.User})
	}
	p.Fields = append(p.Fields, bot.Field{Key: "链接有效至", Value: a.Expires.In(s.Location).Format("15:04:05")})
	s.render(c, http.StatusOK, p)
}

// startAuthorization sends the browser to the platform.
func (s *Server) startAuthorization(c *gin.Context) {
	fields, ok := readForm(c)
	if !ok {
		return
	}
	ticket, err := s.Links.Open(ToAuthorize, fields.Get("t"))
	if err != nil {
		s.linkOver(c)
		return
	}
	ctx, cancel := unhurried(c, startWithin)
	defer cancel()
	redirect, err := s.Merchants.StartAuthorization(ctx, c.Param("platform"), ticket)
	if err != nil {
		s.notAuthorized(c, err, "请过一会儿再打开企业微信里的链接；打不开就重新发：授权")
		return
	}
	pageHeaders(c)
	c.Redirect(http.StatusSeeOther, redirect)
}

// finishAuthorization shows what came of it.
func (s *Server) finishAuthorization(c *gin.Context) {
	ctx, cancel := unhurried(c, finishWithin)
	defer cancel()
	done, err := s.Merchants.FinishAuthorization(ctx, c.Param("platform"), c.Request.URL.Query())
	if err != nil {
		s.notAuthorized(c, err, "请过几分钟在企业微信里发：门店。没有看到门店，就重新发：授权")
		return
	}
	p := page{
		Mood: "good", Title: "授权成功", Stores: done.Stores,
		Text:   fmt.Sprintf("已连接 %d 家门店。可以关掉这个页面，回到企业微信验券。", len(done.Stores)),
		Fields: []bot.Field{{Key: "平台", Value: platformName(done.Platform)}},
	}
	switch {
	case len(done.Stores) == 0:
		p.Mood, p.Title = "bad", "没有连接到门店"
		p.Text = "平台没有给出门店。请回到企业微信重新发：授权，并用门店的管理账号登录。"
	case !done.Until.IsZero():
		p.Fields = append(p.Fields, bot.Field{Key: "授权有效至", Value: done.Until.In(s.Location).Format(time.DateOnly)})
	}
	s.render(c, http.StatusOK, p)
}

// notAuthorized says why there is no authorisation; later is what to do where
// the trouble is ours.
func (s *Server) notAuthorized(c *gin.Context, err error, later string) {
	refused, isRefused := errors.AsType[*grants.Error](err)
	switch {
	case errors.Is(err, grants.ErrLinkOver):
		s.linkOver(c)
		return
	case errors.Is(err, grants.ErrPlatformOff):
		name := platformName(c.Param("platform"))
		s.notice(c, http.StatusNotFound, "没有接入"+name, "请让管理员在配置里接入"+name+"，再回到企业微信发：授权")
	case isRefused:
		s.render(c, http.StatusForbidden, page{Mood: "bad", Title: "授权没有成功", Text: refused.Words})
	default:
		s.notice(c, http.StatusServiceUnavailable, "暂时不能授权", later)
	}
	_ = c.Error(err)
}

// linkOver is the one page for every link that opens nothing, so that it does not tell
// which links there were.
func (s *Server) linkOver(c *gin.Context) {
	s.notice(c, http.StatusGone, "链接已失效",
		"授权链接 10 分钟内有效，只能用一次。请回到企业微信：发「门店」看是否已连接，发「授权」拿新的链接。")
}

// unhurried is a context that goes on when the browser or the platform hangs up:
// what is used up by then must not be lost.
func unhurried(c *gin.Context, within time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request.Context()), within)
}

// readForm reads the form of a POST, or answers 413 or 400. Its errors do not
// repeat what was sent.
func readForm(c *gin.Context) (url.Values, bool) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
	err := c.Request.ParseForm()
	if err == nil && len(c.Request.PostForm) == 0 {
		err = errors.New("no form fields")
	}
	if err != nil {
		unreadable(c, fmt.Errorf("read form: %w", err))
		return nil, false
	}
	return c.Request.PostForm, true
}

// platformName is what people call a platform. One that is not known is not repeated: a browser
// may have made it up.
func platformName(on string) string {
	if !platform.Known(on) {
		return "这个平台"
	}
	return platform.Name(on)
}
