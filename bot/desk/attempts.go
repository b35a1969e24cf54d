package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/command"
	"yanquan/bot/words"
	"yanquan/models"
)

// AttemptSearch says which attempts to list.
type AttemptSearch struct {
	Store int64 // 0: all of the desk
	Days  command.Period
	Cause string // as [Refused] says it; "": any
	After models.HistoryMark
}

// Attempts are what was not verified over a span.
type Attempts struct {
	Span    command.Span
	Times   int       // of all causes
	Refused []Refused // all of the span, whatever is listed
	Rows    []Attempt
	Next    *models.HistoryMark // of the next page; nil: this is the last
}

// Attempt is a verification that was refused. Its Says is why; its Platform is "" where it
// came to none.
type Attempt struct {
	Found
	Times int // how often it was asked for, each within [repeatedWithin] of the next
}

// repeatedWithin is how soon a person who tries the same code again repeats an attempt.
const repeatedWithin = time.Minute

// Attempts lists what was not verified in the stores of a desk, the newest first, and
// counts it by cause. A page counts its own repeats: those on the next are a row there.
func (k *Desks) Attempts(ctx context.Context, d Desk, q AttemptSearch) (a Attempts, err error) {
	span, ok := q.Days.Span(k.Now(), k.Location)
	if !ok {
		return a, ErrNoPeriod
	}
	a.Span = span
	stores, err := k.during(ctx, d, q.Store, span.From, span.To)
	if err != nil {
		return a, err
	}
	accounts := models.AccountIDs(stores)
	refusals, err := k.DB.Figures.Refusals(ctx, accounts, span.From, span.To)
	if err != nil {
		return a, fmt.Errorf("bot: refusals: %w", err)
	}
	a.Refused = refused(refusals)
	for _, r := range a.Refused {
		a.Times += r.Times
	}
	f := models.HistoryFilter{StoreIDs: accounts, States: []models.State{models.Rejected}, From: span.From, To: span.To}
	if q.Cause != "" {
		i := slices.IndexFunc(a.Refused, func(r Refused) bool { return r.What == q.Cause })
		if i < 0 {
			return a, nil
		}
		f.Reasons = a.Refused[i].Reasons
	}
	ops, next, err := k.DB.History.Page(ctx, f, q.After, historyPage)
	if err != nil {
		return a, fmt.Errorf("bot: attempts: %w", err)
	}
	a.Rows, a.Next = attempts(stores, ops), next
	return a, nil
}

// attempts makes one row of what a person tried again and again; ops are the newest first.
func attempts(stores []models.Store, ops []models.Operation) (rows []Attempt) {
	type try struct {
		store              int64
		user, code, reason string
	}
	type last struct {
		row int
		at  time.Time
	}
	seen, of := map[try]last{}, byAccount(stores)
	for _, op := range ops {
		s := of[op.StoreID]
		t := try{s.ID, op.UserID, op.Code, op.Outcome.Reason}
		l, again := seen[t]
		if !again || l.at.Sub(op.CreatedAt) > repeatedWithin {
			l.row = len(rows)
			rows = append(rows, Attempt{Found: Found{Operation: op, Store: s.Name, Platform: words.At(s, op), Says: words.CauseOf(op.Outcome.Reason)}})
		}
		rows[l.row].Times++
		seen[t] = last{l.row, op.CreatedAt}
	}
	return rows
}
