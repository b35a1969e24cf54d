package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"yanquan/bot/command"
	"yanquan/bot/desk"
	"yanquan/models"
)

// scanView is the field for a scanner that is a keyboard, and what it has found where
// that is not one verification.
type scanView struct {
	rowsView
	Code    string // that was looked up; "": none yet
	Problem string
	More    bool // than are listed
}

// scan looks a code up. One verification is shown as its page has it, with the field for
// the next code; nothing is ever verified here. The field is empty each time, as without
// script a text in it cannot be selected, and the next code would be added to it.
func (c *Console) scan(w http.ResponseWriter, r *http.Request, d desk.Desk) error {
	text := r.URL.Query().Get("q")
	v, status := scanView{}, http.StatusOK
	code, ok := command.OneCode(text)
	switch {
	case ok:
		found, next, err := c.Desk.History(r.Context(), d, desk.Search{Text: code})
		if err != nil {
			return err
		}
		if one := theOne(found); one != nil && next == nil {
			http.Redirect(w, r, c.root+"voucher/"+url.PathEscape(one.ID)+"?scan=1", http.StatusSeeOther)
			return nil
		}
		v.rowsView, v.Code, v.More = c.rowsOf(d, found), code, next != nil
		v.Scan = true
	case strings.TrimSpace(text) != "":
		v.Problem, status = "「"+command.Shorten(text)+"」里没有找到一个券码。请扫顾客的券码，一次一个。", http.StatusBadRequest
	}
	c.render(w, r, status, page{Title: "扫码", View: "scan", Data: v, Desk: &d})
	return nil
}

// theOne is the verification of a code, where there is one; nil: there are several, or none.
// What was refused beside it does not count, and is meant where it is all there is.
func theOne(found []desk.Found) *desk.Found {
	all := slices.DeleteFunc(slices.Clone(found), func(f desk.Found) bool { return f.State == models.Rejected })
	if len(all) == 0 {
		all = found
	}
	if len(all) != 1 {
		return nil
	}
	return &all[0]
}
