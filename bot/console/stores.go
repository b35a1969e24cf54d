package console

import (
	"cmp"
	"net/http"
	"slices"
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
	One            *reconcile.Figures // where it is of one store, and is known, at all of its accounts
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

// tones are the classes of what is good or bad.
var tones = map[bot.Tone]string{bot.Good: "good", bot.Bad: "bad"}

// itemsShown of one day; a till that verifies everything has hundreds.
const itemsShown = 500

func (c *Console) reconcile(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	q := r.URL.Query()
	store, err := storeIn(q)
	if err != nil {
		return err
	}
	period := cmp.Or(command.Period(q.Get("day")), command.Yesterday)
	day, all, err := c.Desk.Checked(r.Context(), d, store, period)
	if err != nil {
		return err
	}
	v, stores := checkedView{Day: day, Yesterday: c.Now().In(reconcile.Zone).AddDate(0, 0, -1).Format(time.DateOnly)}, slices.Clone(d.Stores)
	for _, s := range all {
		if !slices.Contains(models.StoreIDs(stores), s.ID) { // it has ended since
			stores = append(stores, s.Store)
		}
		row := checkedRow{DayChecked: s, Tone: tones[s.Tone]}
		if s.Result != nil {
			row.At = s.Result.CheckedAt.In(c.Location).Format("01-02 15:04")
		}
		v.Missing = v.Missing || s.Result == nil
		v.Rows = append(v.Rows, row)
	}
	v.Stores = storeChoices(stores, store)
	one := !slices.ContainsFunc(all, func(s desk.DayChecked) bool { return s.ID != all[0].ID })
	if one && len(all) > 0 && !v.Missing {
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
	Hooks  []hookRow
}

// hookRow is another system that is told of what happens.
type hookRow struct {
	desk.HookSheet
	Tone, Last string
}

func (c *Console) stores(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	all, next, err := c.Desk.Roster(r.Context(), d, from)
	if err != nil {
		return err
	}
	v := storesView{Stores: all, Next: next}
	if from == 0 {
		hooks, err := c.Desk.Hooks(r.Context(), d)
		if err != nil {
			return err
		}
		for _, h := range hooks {
			row := hookRow{HookSheet: h, Tone: tones[h.Tone]}
			if !h.SentAt.IsZero() {
				row.Last = h.SentAt.In(c.Location).Format("01-02 15:04:05")
			}
			v.Hooks = append(v.Hooks, row)
		}
	}
	c.render(w, r, http.StatusOK, page{Title: "门店和人员", View: "stores", Data: v, Desk: &d})
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
