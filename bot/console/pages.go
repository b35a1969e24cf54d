package console

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/models"
)

//go:embed *.html
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"table": func(title string, lines []desk.Line) table { return table{title, lines} }}).
	ParseFS(files, "*.html"))

// table is one of the tables of figures.
type table struct {
	Title string
	Lines []desk.Line
}

// page is what layout.html is filled with.
type page struct {
	Title string
	View  string // the template of its middle
	Data  any

	Desk  *desk.Desk // nil: not signed in
	Nonce string
	Root  string
}

// Middle renders the part that pages differ in.
func (p page) Middle() (template.HTML, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, p.View+".html", p.Data)
	return template.HTML(b.String()), err // by html/template, so escaped
}

type noticeView struct {
	Title, Text string
	SignIn      string // address at which WeCom signs in; "": none
}

func (c *Console) notice(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	c.render(w, r, status, page{Title: title, View: "notice", Data: noticeView{Title: title, Text: text}})
}

func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, p page) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	p.Nonce, p.Root = base64.RawURLEncoding.EncodeToString(nonce[:]), c.root
	var body bytes.Buffer // a page that fails half-way is none
	if err := templates.ExecuteTemplate(&body, "layout.html", p); err != nil {
		c.Log.Error("console", "path", r.URL.Path, "error", err)
		http.Error(w, "暂时打不开，请过一会儿再试。", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+p.Nonce+"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin") // an address may hold a one-time link; and forms need their Origin
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, bot.Visible(body.String()))
}

// choice is one of several ways to look at something.
type choice struct {
	Text, Value string
	On          bool
}

// periods to choose from; the first is for a search only.
var periods = [][2]string{
	{"", "不限时间（按尾号找：本月）"}, {string(command.Today), "今日"}, {string(command.Yesterday), "昨日"},
	{string(command.ThisWeek), "本周"}, {string(command.ThisMonth), "本月"}, {string(command.LastMonth), "上月"},
}

func choices(now string, all ...[2]string) []choice {
	list := make([]choice, len(all))
	for i, a := range all {
		list[i] = choice{Text: a[1], Value: a[0], On: a[0] == now}
	}
	return list
}

// storeChoices are these stores, and all together where there are several.
func storeChoices(stores []models.Store, now int64) []choice {
	if len(stores) == 1 {
		return nil
	}
	list := []choice{{Text: "全部门店", On: now == 0}}
	for _, s := range stores {
		list = append(list, choice{Text: s.Name, Value: strconv.FormatInt(s.ID, 10), On: s.ID == now})
	}
	return list
}

// storeOf is the store that an address names; 0 is all. What is not on the desk
// is not found, so that all is never taken for one.
func storeOf(q url.Values, d desk.Desk) (int64, error) {
	id, err := storeIn(q)
	if err == nil && id != 0 && !slices.Contains(models.StoreIDs(d.Stores), id) {
		err = models.ErrNotFound
	}
	return id, err
}

// storeIn is [storeOf] where the desk is asked whether the store is on it.
func storeIn(q url.Values) (int64, error) {
	text := q.Get("store")
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id == 0 {
		return 0, models.ErrNotFound
	}
	return id, nil
}

// sheetView is the figures of a period.
type sheetView struct {
	desk.Sheet
	Stores  []choice
	Periods []choice
	Store   string // as in the address
	Day     string // 2006-01-02 where it is one day
	Today   string
	Bars    []bar
	Refused []causeChoice
}

// bar is an hour of the day in the chart, in its units.
type bar struct {
	X, Y, H int
	Hour    int
	N       int
}

// Height of the chart's bars, and their distance.
const (
	chartHeight = 100
	barEvery    = 20
)

func (c *Console) sheet(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	q := r.URL.Query()
	store, err := storeOf(q, d)
	if err != nil {
		return err
	}
	period := cmp.Or(command.Period(q.Get("day")), command.Period(q.Get("period")), command.Today)
	s, err := c.Desk.Sheet(r.Context(), d, store, period)
	if err != nil {
		return err
	}
	v := sheetView{
		Sheet: s, Stores: storeChoices(d.Stores, store), Store: q.Get("store"), Today: c.Now().In(c.Location).Format(time.DateOnly),
		Periods: choices(string(period), periods[1:]...), Bars: bars(s.ByHour),
	}
	if s.Span.To.Sub(s.Span.From) <= 25*time.Hour {
		v.Day = s.Span.From.In(c.Location).Format(time.DateOnly)
	}
	for _, r := range s.Refused {
		v.Refused = append(v.Refused, causeChoice{What: r.What, Address: attemptsOf(store, period, r.What), Times: r.Times})
	}
	c.render(w, r, http.StatusOK, page{Title: s.Span.Title, View: "sheet", Data: v, Desk: &d})
	return nil
}

// bars are drawn from the first hour with business to the last, with one before
// and after.
func bars(byHour [24]int) []bar {
	first, last, most := 24, -1, 0
	for h, n := range byHour {
		if n > 0 {
			first, last, most = min(first, h), h, max(most, n)
		}
	}
	if last < 0 {
		return nil
	}
	first, last = max(min(first-1, 9), 0), min(max(last+1, 21), 23)
	var list []bar
	for h := first; h <= last; h++ {
		n := byHour[h]
		height := (n*chartHeight + most - 1) / most
		list = append(list, bar{X: (h - first) * barEvery, Y: chartHeight - height, H: height, Hour: h, N: n})
	}
	return list
}

// ChartWidth is in the chart's units.
func (v sheetView) ChartWidth() int { return len(v.Bars) * barEvery }

// LabelY is where a bar's number stands.
func (b bar) LabelY() int { return b.Y - 4 }

// LabelX is its middle.
func (b bar) LabelX() int { return b.X + barEvery/2 }

// BarX leaves a gap on either side.
func (b bar) BarX() int { return b.X + 3 }

// historyView is a page of verifications.
type historyView struct {
	rowsView
	Stores  []choice
	States  []choice
	Periods []choice
	Text    string
	Problem string
	Next    string // address of the next page; "": none
	First   bool   // nothing came before
}

// rowsView is a list of verifications.
type rowsView struct {
	Rows  []row
	Where bool // rows name their stores
	Scan  bool // the pages of these have the field for the next code
}

type row struct {
	desk.Found
	When, Tone string
}

func (c *Console) rowsOf(d desk.Desk, found []desk.Found) rowsView {
	v := rowsView{Where: len(d.Stores) > 1 || slices.ContainsFunc(found, func(f desk.Found) bool { return f.Store != found[0].Store })}
	for _, f := range found {
		v.Rows = append(v.Rows, row{Found: f, When: f.CreatedAt.In(c.Location).Format("01-02 15:04:05"), Tone: toneOf(f.Operation)})
	}
	return v
}

func (c *Console) history(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	q := r.URL.Query()
	store, err := storeOf(q, d)
	if err != nil {
		return err
	}
	s := desk.Search{Store: store, Text: q.Get("q"), State: q.Get("state"), Days: command.Period(q.Get("days")), After: markOf(q.Get("after"))}
	v := historyView{
		Stores: storeChoices(d.Stores, store), Text: s.Text, First: s.After.At.IsZero(),
		States: choices(s.State, [2]string{"", "全部"}, [2]string{"done", "已核销"}, [2]string{"undone", "已撤销"},
			[2]string{"open", "确认中"}, [2]string{"refused", "没有核销"}),
		Periods: choices(string(s.Days), periods...),
	}
	found, next, err := c.Desk.History(r.Context(), d, s)
	status := http.StatusOK
	if errors.Is(err, desk.ErrNoSearch) {
		v.Problem, status = "请输入完整的券码，或者手机号的最后四位。", http.StatusBadRequest
	} else if err != nil {
		return err
	}
	v.rowsView, v.Next = c.rowsOf(d, found), nextPage(q, next)
	c.render(w, r, status, page{Title: "历史", View: "history", Data: v, Desk: &d})
	return nil
}

// markOf reads where a page begins; what is none is the beginning.
func markOf(text string) models.HistoryMark {
	moment, id, _ := strings.Cut(text, "~")
	at, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil {
		return models.HistoryMark{}
	}
	return models.HistoryMark{At: at, ID: id}
}

// storyView is one voucher.
type storyView struct {
	desk.VoucherView
	Tone   string
	Events []event
	Undo   string // until when
	Scan   bool   // the field for the next code stands above
}

type event struct {
	When, Kind, Text string
}

func (c *Console) voucher(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	v, events, err := c.Desk.Story(r.Context(), d, r.PathValue("id"))
	if err != nil {
		return err
	}
	s := storyView{VoucherView: v, Tone: toneOf(models.Operation{State: v.State, NeedsHuman: v.NeedsHuman}), Scan: r.URL.Query().Has("scan")}
	if !v.UndoUntil.IsZero() {
		s.Undo = v.UndoUntil.In(c.Location).Format("15:04:05")
	}
	for _, e := range events {
		s.Events = append(s.Events, event{e.At.In(c.Location).Format("01-02 15:04:05"), string(e.Kind), e.Text})
	}
	c.render(w, r, http.StatusOK, page{Title: v.Card.Title, View: "voucher", Data: s, Desk: &d})
	return nil
}

func toneOf(op models.Operation) string {
	switch {
	case op.State == models.Done:
		return "good"
	case op.State == models.Rejected, op.NeedsHuman:
		return "bad"
	case op.State == models.Undone:
		return "plain"
	}
	return "wait"
}
