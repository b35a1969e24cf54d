package console

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/reconcile"
	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// checkedView is a closed day against the platform's list.
type checkedView struct {
	Day, Yesterday string
	Stores         []choice
	Rows           []checkedRow
	One            *reconcile.Figures // where one store was asked for, and it is known, at all of its accounts
	Items          []itemRow
	Missing        bool // a store was not compared yet
	More           int  // items that are not shown
}

type checkedRow struct {
	desk.DayChecked
	Tone, At string
}

type itemRow struct {
	reconcile.Item
	When     string
	Platform string // where the store has several
}

// itemsShown of one day; a till that verifies everything has hundreds.
const itemsShown = 500

func (c *Console) reconcile(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	q := r.URL.Query()
	store, err := storeOf(q, d)
	if err != nil {
		return err
	}
	if len(d.Stores) == 1 {
		store = d.Stores[0].ID
	}
	period := cmp.Or(command.Period(q.Get("day")), command.Yesterday)
	day, all, err := c.Desk.Checked(r.Context(), d, store, period)
	if err != nil {
		return err
	}
	v := checkedView{Day: day, Yesterday: c.Now().In(reconcile.Zone).AddDate(0, 0, -1).Format(time.DateOnly), Stores: storeChoices(d, store)}
	for _, s := range all {
		row := checkedRow{DayChecked: s, Tone: map[bot.Tone]string{bot.Good: "good", bot.Bad: "bad"}[s.Tone]}
		if s.Result != nil {
			row.At = s.Result.CheckedAt.In(c.Location).Format("01-02 15:04")
		}
		v.Missing = v.Missing || s.Result == nil
		v.Rows = append(v.Rows, row)
	}
	if store != 0 && len(all) > 0 && !v.Missing {
		v.One, v.Items = c.together(all)
		shown := v.Items[:min(len(v.Items), itemsShown)]
		v.Items, v.More = shown, len(v.Items)-len(shown)
	}
	c.render(w, r, http.StatusOK, page{Title: "对账 " + day, View: "reconcile", Data: v, Desk: &d})
	return nil
}

// together is the day of one store, of all its accounts.
func (c *Console) together(all []desk.DayChecked) (sum *reconcile.Figures, items []itemRow) {
	sum = &reconcile.Figures{}
	for _, one := range all {
		*sum = sum.Plus(one.Result.Figures)
		for _, i := range one.Result.Items {
			on := words.On(one.Store, models.Operation{StoreID: one.Result.StoreID})
			items = append(items, itemRow{Item: i, When: i.At.In(c.Location).Format("01-02 15:04"), Platform: on})
		}
	}
	return sum, items
}

// Money lists the amounts of the day that is shown.
func (v checkedView) Money() []bot.Field {
	m := v.One.Money
	if m.Exact+m.Estimated == 0 {
		return nil
	}
	about := ""
	if m.Estimated > 0 {
		about = "（有估算）"
	}
	fen := func(f dianping.Fen) string { return f.String() + about }
	return []bot.Field{{Key: "顾客付", Value: fen(m.Customer)}, {Key: "商家承担", Value: fen(m.Merchant)}, {Key: "应收", Value: fen(m.Due)}}
}

type storesView struct {
	Stores []desk.StoreSheet
	Next   int
}

func (c *Console) stores(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	all, next, err := c.Desk.Roster(r.Context(), d, from)
	if err != nil {
		return err
	}
	c.render(w, r, http.StatusOK, page{Title: "门店和人员", View: "stores", Data: storesView{all, next}, Desk: &d})
	return nil
}

type changeRow struct {
	desk.Change
	When string
}

func (c *Console) audit(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	changes, err := c.Desk.Changes(r.Context(), d)
	if err != nil {
		return err
	}
	var rows []changeRow
	for _, ch := range changes {
		rows = append(rows, changeRow{ch, ch.At.In(c.Location).Format("01-02 15:04:05")})
	}
	c.render(w, r, http.StatusOK, page{Title: "变更", View: "audit", Data: rows, Desk: &d})
	return nil
}
