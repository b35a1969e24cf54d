package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/bot/words"
	"yanquan/models"
)

// attemptsView is a page of what was not verified.
type attemptsView struct {
	Span    command.Span
	Times   int
	Stores  []choice
	Periods []choice
	Causes  []causeChoice
	Rows    []attemptRow
	Next    string // address of the next page; "": none
	First   bool   // nothing came before
	Where   bool   // rows name their stores
}

// causeChoice is how often something was not verified for a reason, and the address of
// what was not.
type causeChoice struct {
	What, Address string
	Times         int
	On            bool
}

type attemptRow struct {
	desk.Attempt
	When, Code string
}

func (c *Console) attempts(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	q := r.URL.Query()
	store, err := storeOf(q, d)
	if err != nil {
		return err
	}
	s := desk.AttemptSearch{Store: store, Days: cmp.Or(command.Period(q.Get("days")), command.Today), Cause: q.Get("cause"), After: markOf(q.Get("after"))}
	a, err := c.Desk.Attempts(r.Context(), d, s)
	if err != nil {
		return err
	}
	v := attemptsView{
		Span: a.Span, Times: a.Times, Stores: storeChoices(d.Stores, store), Periods: periodChoices(s.Days, a.Span),
		Causes: causeChoices(s, a), First: s.After.At.IsZero(), Where: store == 0 && (len(d.Stores) > 1 || slices.ContainsFunc(a.Rows, func(t desk.Attempt) bool { return t.Store != a.Rows[0].Store })),
	}
	for _, t := range a.Rows {
		v.Rows = append(v.Rows, attemptRow{Attempt: t, When: t.CreatedAt.In(c.Location).Format("01-02 15:04:05"), Code: words.CodeText(t.Operation.Code)})
	}
	v.Next = nextPage(q, a.Next)
	c.render(w, r, http.StatusOK, page{Title: "未成功", View: "attempts", Data: v, Desk: &d})
	return nil
}

// nextPage is the address of the page that begins at a mark, with the same filter; "":
// there is none.
func nextPage(q url.Values, next *models.HistoryMark) string {
	if next == nil {
		return ""
	}
	q.Set("after", next.At.UTC().Format(time.RFC3339Nano)+"~"+next.ID)
	return "?" + q.Encode()
}

// periodChoices are those of a sheet, and the one that is shown where it is another.
func periodChoices(now command.Period, span command.Span) []choice {
	list := choices(string(now), periods[1:]...)
	for _, one := range list {
		if one.On {
			return list
		}
	}
	return append([]choice{{Text: span.Title, Value: string(now), On: true}}, list...)
}

// causeChoices are the causes of a span, each with its count, and all together.
func causeChoices(s desk.AttemptSearch, a desk.Attempts) []causeChoice {
	if a.Times == 0 {
		return nil
	}
	list := []causeChoice{{What: "全部", Address: attemptsOf(s.Store, s.Days, ""), Times: a.Times, On: s.Cause == ""}}
	for _, r := range a.Refused {
		list = append(list, causeChoice{r.What, attemptsOf(s.Store, s.Days, r.What), r.Times, r.What == s.Cause})
	}
	return list
}

// attemptsOf is the address of what was not verified, relative to the root.
func attemptsOf(store int64, days command.Period, cause string) string {
	q := url.Values{"days": {string(days)}}
	if store != 0 {
		q.Set("store", strconv.FormatInt(store, 10))
	}
	if cause != "" {
		q.Set("cause", cause)
	}
	return "attempts?" + q.Encode()
}
