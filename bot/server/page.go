package server

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/bot"
	"yanquan/bot/desk"
	"yanquan/models"
)

// Vouchers tells what a page shows; [desk.Desks] does.
type Vouchers interface {
	Voucher(ctx context.Context, operationID string) (desk.VoucherView, error)
}

//go:embed page.html
var pageFiles embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFiles, "page.html"))

// page is what page.html is filled with. A page with nothing but a text is a
// notice.
type page struct {
	Nonce    string
	Mood     string // good, bad, wait, plain: colour and sign
	Title    string
	Text     string
	Fields   []bot.Field
	Stores   []string // names
	Form     *form
	View     *desk.VoucherView
	Price    string
	UndoAt   string        // until when, as a clock
	UndoLeft time.Duration // at the time of rendering
	UndoSpan time.Duration
	Refresh  int // seconds; 0: never
}

// form is a button that carries a token.
type form struct {
	Token, Button string
}

// UndoMillis is UndoLeft for the script.
func (p page) UndoMillis() int64 { return p.UndoLeft.Milliseconds() }

// UndoClock is UndoLeft as 09:41, for those without script.
func (p page) UndoClock() string {
	left := p.UndoLeft.Round(time.Second)
	return time.Time{}.Add(left).Format("04:05")
}

func (s *Server) voucherPage(c *gin.Context) {
	id, err := s.Links.Open(ToVoucher, c.Param("token"))
	switch {
	case errors.Is(err, ErrLinkExpired):
		s.notice(c, http.StatusGone, "链接已过期", "这个链接只在 30 天内有效。要看这次核销，请在企业微信里发：记录")
		return
	case err != nil:
		s.notice(c, http.StatusNotFound, "没有这个页面", "链接不完整或者不正确。请从企业微信的卡片里重新打开。")
		return
	}
	v, err := s.Vouchers.Voucher(c.Request.Context(), id)
	switch {
	case errors.Is(err, models.ErrNotFound):
		s.notice(c, http.StatusNotFound, "没有这次核销", "这次核销的记录已经不在了。")
		return
	case err != nil:
		_ = c.Error(err)
		s.notice(c, http.StatusServiceUnavailable, "暂时打不开", "请过一会儿再试。")
		return
	}
	s.render(c, http.StatusOK, s.voucher(v))
}

// home is where a press on a card without a page of its own leads.
func (s *Server) home(c *gin.Context) {
	s.notice(c, http.StatusOK, "验券", "请回到企业微信：发「验 券码」核销，发「撤 券码」撤销，发「帮助」看全部说法。")
}

// pollSeconds is how often the page of an unsettled verification looks again.
const pollSeconds = 3

func (s *Server) voucher(v desk.VoucherView) page {
	p := page{Title: v.Card.Title, Text: mask(v.Card.Text)}
	switch {
	case v.NeedsHuman:
		p.Mood, p.Refresh = "bad", 10*pollSeconds
	case v.State == models.Held:
		p.Mood, p.Refresh = "wait", 10*pollSeconds
	case !v.State.Terminal():
		p.Mood, p.Refresh = "wait", pollSeconds
	case v.State == models.Done:
		p.Mood = "good"
	case v.State == models.Rejected:
		p.Mood = "bad"
	default:
		p.Mood = "plain"
	}
	for _, f := range v.Card.Fields {
		if f.Fact == bot.Price { // shown large
			p.Price = f.Value
			continue
		}
		f.Value = mask(f.Value)
		p.Fields = append(p.Fields, f)
	}
	if q := v.Card.Quote; q != nil {
		v.Card.Quote = &bot.Quote{Title: q.Title, Text: mask(q.Text)}
	}
	if left := v.UndoUntil.Sub(s.Now()); !v.UndoUntil.IsZero() && left > 0 {
		p.UndoAt = v.UndoUntil.In(s.Location).Format("15:04:05")
		p.UndoLeft, p.UndoSpan = left, max(left, s.UndoWindow)
		if v.Card.Timed { // the clock says it
			p.Text = ""
		}
	}
	p.View = &v
	return p
}

// A code on its way through a page is not needed whole: who verifies has it in
// the chat.
var longNumber = regexp.MustCompile(`[0-9]{8,}`)

func mask(text string) string {
	return longNumber.ReplaceAllStringFunc(text, func(n string) string { return n[:3] + "****" + n[len(n)-3:] })
}

func (s *Server) notice(c *gin.Context, status int, title, text string) {
	s.render(c, status, page{Mood: "plain", Title: title, Text: text})
}

func (s *Server) render(c *gin.Context, status int, p page) {
	var nonce [16]byte
	rand.Read(nonce[:])
	p.Nonce = base64.RawURLEncoding.EncodeToString(nonce[:])
	policy := "default-src 'none'; style-src 'nonce-" + p.Nonce + "'; script-src 'nonce-" + p.Nonce +
		"'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
	if p.Form == nil {
		// Browsers hold the redirect that answers a form to this as well, and only
		// the platform knows where that leads; so it is left out where there is a form.
		policy += "; form-action 'none'"
	}
	pageHeaders(c)
	h := c.Writer.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	c.Status(status)
	var body strings.Builder
	err := pageTemplate.ExecuteTemplate(&body, "page.html", p)
	if err == nil {
		_, err = io.WriteString(c.Writer, bot.Visible(body.String()))
	}
	if err != nil {
		_ = c.Error(err)
	}
}

// pageHeaders keeps an address, which is a permission, from being passed on or
// kept.
func pageHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
}
