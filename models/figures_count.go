package models

import (
	"cmp"
	"database/sql"
	"slices"
	"time"

	"gorm.io/gorm"
)

// count adds what was verified and refused at these accounts to their figures.
func count(g *gorm.DB, accounts []int64, s Span, to func(account int64) *Figures) error {
	sales := g.Table("operations").
		Select("operations.store_id, user_id, user_name, title, consumed_at, coupons.price_fen, coupons.price_unknown, coupons.undone_at IS NOT NULL").
		Joins("JOIN coupons ON coupons.operation_id = operations.id").
		Where("operations.store_id IN ? AND consumed_at >= ? AND consumed_at < ?", accounts, stamp(s.From), stamp(s.To))
	if err := countSales(sales, s, to); err != nil {
		return err
	}
	return countRefusals(g, accounts, s.From, s.To, to)
}

// countRefusals adds what was refused, by the time at which it was asked for.
func countRefusals(g *gorm.DB, accounts []int64, from, until time.Time, to func(account int64) *Figures) error {
	var rows []struct {
		StoreID       int64
		OutcomeReason string
		Times         int
	}
	err := g.Table("operations").Select("store_id, outcome_reason, COUNT(*) AS times").
		Where("store_id IN ? AND "+refused+" AND created_at >= ? AND created_at < ?", accounts, Rejected, stamp(from), stamp(until)).
		Group("store_id, outcome_reason").Find(&rows).Error
	if err != nil {
		return err
	}
	for _, r := range rows {
		to(r.StoreID).Refused[r.OutcomeReason] += r.Times
	}
	return nil
}

// countSales reads row by row, without GORM's reflection: a month of many stores is
// a million of them.
func countSales(q *gorm.DB, s Span, to func(account int64) *Figures) error {
	rows, err := q.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	known := map[string]string{} // names repeat: each is kept once
	text := func(raw sql.RawBytes) string {
		s, ok := known[string(raw)]
		if !ok {
			s = string(raw)
			known[s] = s
		}
		return s
	}
	var account int64
	var price Price
	var undone bool
	var userID, user, title sql.RawBytes
	var at any
	for rows.Next() {
		if err := rows.Scan(&account, &userID, &user, &title, &at, &price.Fen, &price.Unknown, &undone); err != nil {
			return err
		}
		consumed, err := readTime("consumed_at", at)
		if err != nil {
			return err
		}
		var one Tally
		one.Add(price, undone)
		f, person, deal := to(account), text(userID), text(title)
		f.called(person, Name{text(user), consumed.Unix()})
		f.ByAccount[account] = f.ByAccount[account].Plus(one)
		f.ByPerson[person] = f.ByPerson[person].Plus(one)
		f.ByDeal[deal] = f.ByDeal[deal].Plus(one)
		f.ByHour[consumed.In(s.From.Location()).Hour()] += one.Verified.Count
	}
	return rows.Err()
}

// Name is what a person is called, and when they last verified something under it.
type Name struct {
	Text string `json:"t"`
	At   int64  `json:"a"` // Unix
}

// called keeps the last name of a person.
func (f *Figures) called(user string, n Name) {
	if last := f.Names[user]; n.Text != "" && cmp.Or(cmp.Compare(n.At, last.At), cmp.Compare(n.Text, last.Text)) > 0 {
		f.Names[user] = n
	}
}

// People are the names of those who verified something, by userid. Where two would be read
// as one, the userid tells which is meant.
func (f *Figures) People() map[string]string {
	names, times := make(map[string]string, len(f.ByPerson)), map[string]int{}
	for user := range f.ByPerson {
		names[user] = cmp.Or(f.Names[user].Text, user)
		times[names[user]]++
	}
	for user, name := range names {
		if times[name] > 1 {
			names[user] = name + "（" + user + "）"
		}
	}
	return names
}

// accountsAtOnce bounds the list of accounts in one statement.
const accountsAtOnce = 500

// Refusal counts what was refused for a reason.
type Refusal struct {
	Reason string
	Times  int
}

// Refusals are the refused verifications by reason, the most frequent first.
func (f *Figures) Refusals() (all []Refusal) {
	for reason, n := range f.Refused {
		all = append(all, Refusal{reason, n})
	}
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}
