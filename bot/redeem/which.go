package redeem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"yanquan/bot/platform"
	"yanquan/models"
)

// Which of a store's accounts a code is from: whoever knows it without effect. No code
// is consumed to find out whose it is.

// elsewhere is the reason of a call whose platform does not know a code that another
// account's does, or may.
const elsewhere = "elsewhere"

// lookResult is what the platform of one account says of a code.
type lookResult struct {
	*talk
	account models.Account
	looked  platform.Looked // without a shop: nothing
	named   string          // the product
}

// knows reports whether the platform knows the code, whatever can be done with it, and
// unknown whether it says that it does not. Neither: it said nothing that counts.
func (s lookResult) knows() bool {
	return s.shop != nil && (s.looked.Why == platform.WrongShop || s.looked.Proves != platform.Unclear && !s.unknown())
}

func (s lookResult) unknown() bool {
	return s.looked.Proves == platform.Void && s.looked.Why == platform.NotFound
}

func (s lookResult) silent() bool { return !s.knows() && !s.unknown() }

// lookAll asks accounts' platforms what a code is worth, all at once; the likeliest first,
// where the length of the code says which that is.
func (c *Core) lookAll(ctx context.Context, q Question, accounts []models.Account) ([]lookResult, error) {
	first, others := likeliest(q.Code, accounts)
	seen, err := c.lookEach(ctx, q, first)
	if err != nil || len(seen) == 1 && seen[0].knows() {
		return seen, err
	}
	more, err := c.lookEach(ctx, q, others)
	return append(seen, more...), err
}

// likeliest parts the one account that a code of this length is from, as far as lengths
// say, from the others.
func likeliest(code string, accounts []models.Account) (first, others []models.Account) {
	likely := func(a models.Account) bool { return slices.Contains(platform.ByLength(len(code)), a.Platform) }
	for _, a := range accounts {
		if likely(a) {
			first = append(first, a)
		} else {
			others = append(others, a)
		}
	}
	if len(first) != 1 {
		return nil, accounts
	}
	return first, others
}

func (c *Core) lookEach(ctx context.Context, q Question, accounts []models.Account) ([]lookResult, error) {
	return atOnce(accounts, func(a models.Account) (lookResult, error) {
		q := q
		q.Account = a
		return c.lookIn(ctx, q)
	})
}

// atOnce asks something of accounts, of all at the same time.
func atOnce[T any](accounts []models.Account, ask func(models.Account) (T, error)) ([]T, error) {
	answers, errs := make([]T, len(accounts)), make([]error, len(accounts))
	var wg sync.WaitGroup
	for i, a := range accounts {
		wg.Go(func() { answers[i], errs[i] = ask(a) })
	}
	wg.Wait()
	return answers, errors.Join(errs...)
}

func (c *Core) lookIn(ctx context.Context, q Question) (lookResult, error) {
	t, err := c.question(ctx, q)
	if err != nil {
		return lookResult{}, err
	}
	s := lookResult{talk: t, account: q.Account, named: q.Product}
	if s.shop == nil {
		s.looked.Why = ReasonNoPlatform
		return s, nil
	}
	s.looked, err = s.look(ctx, q.Code)
	s.describe(s.looked.Voucher)
	return s, err
}

// decision is what looks come to: the one account that the code is from, or why that
// is not certain.
type decision struct {
	seen    []lookResult
	one     *lookResult
	outcome models.Outcome // where there is no one
}

// judge comes to it. A code is a guess where every account's platform says that it does
// not know it, and nowhere else.
func judge(seen []lookResult) decision {
	v := decision{seen: seen}
	var known, silent []lookResult
	for _, s := range seen {
		switch {
		case s.knows():
			known = append(known, s)
		case s.silent():
			silent = append(silent, s)
		}
	}
	if len(known)+len(silent) > 0 {
		for _, s := range seen {
			NoGuess(s.calls)
		}
	}
	switch {
	case len(known) == 1 && len(silent) == 0:
		v.one = &known[0]
	case len(known) == 1:
		v.outcome = models.Outcome{Reason: ReasonUnsure, Code: accountList(known), Message: accountList(silent)}
	case len(known) > 1:
		v.outcome = models.Outcome{Reason: ReasonWhich, Code: accountList(known)}
	case len(silent) > 0:
		v.outcome = models.Outcome{Reason: ReasonUnheard, Code: accountList(without(seen, silent)), Message: accountList(silent)}
	default:
		v.outcome = models.Outcome{Reason: ReasonNowhere, Code: accountList(seen)}
	}
	return v
}

// NoGuess marks the calls of those who do not know a code that others know, or may, or
// that is in the journal: to ask about it is no guess.
func NoGuess(calls []models.Call) []models.Call {
	for i := range calls {
		if calls[i].Reason == platform.NotFound {
			calls[i].Reason = elsewhere
		}
	}
	return calls
}

func without(seen, silent []lookResult) []lookResult {
	return slices.DeleteFunc(slices.Clone(seen), func(s lookResult) bool {
		return slices.ContainsFunc(silent, func(o lookResult) bool { return o.account.ID == s.account.ID })
	})
}

// calls are those that were made, all of them.
func (v decision) calls() (all []models.Call) {
	for _, s := range v.seen {
		all = append(all, s.calls...)
	}
	return all
}

// accountList, accountIDs and AccountsIn keep accounts in an outcome.
func accountList(seen []lookResult) string {
	ids := make([]int64, len(seen))
	for i, s := range seen {
		ids[i] = s.account.ID
	}
	return accountIDs(ids...)
}

func accountIDs(ids ...int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ",")
}

// AccountsIn are the accounts of a store that an outcome names, see the reasons that
// have them.
func AccountsIn(s models.Store, list string) (accounts []models.Account) {
	for text := range strings.SplitSeq(list, ",") {
		id, err := strconv.ParseInt(text, 10, 64)
		if a, ok := s.AccountOf(id); ok && err == nil {
			accounts = append(accounts, a)
		}
	}
	return accounts
}

// AlsoAt lists, as [AccountsIn] reads it, the accounts but one that know a code, where it
// is not certain whose it is; "": none.
func AlsoAt(o models.Outcome, account int64) string {
	if o.Reason != ReasonWhich && o.Reason != ReasonUnsure {
		return ""
	}
	known := slices.DeleteFunc(strings.Split(o.Code, ","), func(id string) bool { return id == accountIDs(account) })
	return strings.Join(known, ",")
}

// LookIn is [Core.Look] in the one of some accounts that the code is from.
func (c *Core) LookIn(ctx context.Context, q Question, accounts []models.Account) (Found, error) {
	if len(accounts) == 1 {
		q.Account = accounts[0]
		return c.Look(ctx, q)
	}
	seen, err := c.lookAll(ctx, q, accounts)
	if err != nil {
		return Found{}, err
	}
	v := judge(seen)
	if v.one != nil {
		found, err := v.one.found(ctx)
		others := slices.DeleteFunc(v.seen, func(s lookResult) bool { return s.account.ID == v.one.account.ID })
		found.Calls = append(found.Calls, noOnes(decision{seen: others}.calls())...)
		return found, err
	}
	q.Account = accounts[0]
	op := c.asked(q)
	op.Outcome, op.Title = v.outcome, v.titles()
	return Found{Op: op, Decided: v.outcome.Reason == ReasonNowhere, Calls: noOnes(v.calls())}, nil
}

// titles are what the code stands for, where it is known.
func (v decision) titles() string {
	var all []string
	for _, s := range v.seen {
		if s.knows() && s.op.Title != "" && !slices.Contains(all, s.op.Title) {
			all = append(all, s.op.Title)
		}
	}
	return strings.Join(all, "；")
}

// ScanIn is [Core.Scan] in several accounts: what any of them knows. A code is a guess
// where all of them say that they do not know it.
func (c *Core) ScanIn(ctx context.Context, q Question, accounts []models.Account) (all Vouchers, err error) {
	each, err := atOnce(accounts, func(a models.Account) (Vouchers, error) {
		q := q
		q.Account = a
		return c.Scan(ctx, q)
	})
	if err != nil {
		return Vouchers{}, err
	}
	all.Unsupported = true
	guess := true
	for _, one := range each {
		for _, v := range one.List {
			if !slices.ContainsFunc(all.List, func(o platform.Voucher) bool { return o.Code == v.Code }) {
				all.List = append(all.List, v)
			}
		}
		all.Calls = append(all.Calls, one.Calls...)
		if one.Unsupported {
			continue
		}
		all.Unsupported = false
		r := one.Outcome.Reason
		guess = guess && r == platform.NotFound
		if (all.Outcome.Reason == "" || all.Outcome.Reason == platform.NotFound) && r != "" {
			all.Outcome = one.Outcome // whoever says more than that it does not know it
		}
	}
	if !guess {
		NoGuess(all.Calls)
	}
	return all, nil
}

// ConsumeIn is [Core.Consume] in the one of some accounts that the code is from. A code
// that one of them has verified is not consumed at another by itself: where another
// knows it, too, the refusal says so.
func (c *Core) ConsumeIn(ctx context.Context, r Request, accounts []models.Account) (Step, error) {
	r.Account = accounts[0]
	if step, err := c.answered(ctx, r); step != nil || err != nil {
		return step, err
	}
	step, err := c.consumeIn(ctx, r, accounts)
	if step == nil && err == nil { // what stood does not any more
		step, err = c.consumeIn(ctx, r, accounts)
	}
	if step == nil && err == nil {
		step = c.Refuse(r, models.Outcome{Reason: ReasonInTheWay})
	}
	return step, err
}

// consumeIn is ConsumeIn; no step: an operation that stood on the code has consumed
// nothing after all, or was undone.
func (c *Core) consumeIn(ctx context.Context, r Request, accounts []models.Account) (Step, error) {
	r.Account = accounts[0]
	if len(accounts) == 1 {
		return c.Consume(ctx, r)
	}
	ids := make([]int64, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	standing, err := c.standing(ctx, ids, r.Code)
	if err != nil {
		return nil, fmt.Errorf("redeem: earlier operation: %w", err)
	}
	if standing != nil {
		r.Account = accounts[slices.Index(ids, standing.StoreID)]
		accounts = slices.DeleteFunc(slices.Clone(accounts), func(a models.Account) bool { return a.ID == r.Account.ID })
	}
	seen, err := c.lookAll(ctx, Question{UserID: r.UserID, User: r.User, Code: r.Code, Count: r.Count}, accounts)
	if err != nil {
		return nil, err
	}
	if standing != nil {
		return c.refuseAfter(ctx, r, seen)
	}
	v := judge(seen)
	if v.one == nil {
		return c.refuseAll(ctx, r, accounts, v)
	}
	r.Account, r.New = v.one.account, true
	return c.consumeSeen(ctx, r, &v)
}

// refuseAll refuses a code of which no one account is certain. That none knows it may be
// because a colleague has used it while they were asked.
func (c *Core) refuseAll(ctx context.Context, r Request, accounts []models.Account, v decision) (Step, error) {
	t := &consumption{&talk{Core: c, op: c.operation(r)}}
	t.op.Title = v.titles()
	t.take(v.calls())
	ids := make([]int64, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	op, err := c.DB.Journal.ByCouponIn(ctx, ids, r.Code)
	switch {
	case errors.Is(err, models.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("redeem: earlier operation: %w", err)
	case Standing(op) && (v.outcome.Reason == ReasonNowhere || v.outcome.Reason == ReasonUnheard):
		r.Account = accounts[slices.Index(ids, op.StoreID)]
		if step, err := c.refuseAfter(ctx, r, v.seen); step != nil || err != nil {
			return step, err
		}
		NoGuess(t.calls)
	case op.State != models.Rejected:
		NoGuess(t.calls)
	}
	return t.refused(v.outcome), nil
}

// refuseAfter refuses a code because of an operation of one account, and says which of
// those that were asked could consume it, too. No step: it does not stand any more.
func (c *Core) refuseAfter(ctx context.Context, r Request, seen []lookResult) (Step, error) {
	work, err := c.open(ctx, r.Account, c.operation(r))
	if err != nil {
		return nil, err
	}
	t := &consumption{work}
	t.take(NoGuess(decision{seen: seen}.calls()))
	earlier, _, err := t.earlier(ctx, "")
	if err != nil || earlier == nil {
		return nil, err
	}
	usable := slices.DeleteFunc(slices.Clone(seen), func(s lookResult) bool { return s.looked.Proves != platform.Usable })
	t.alsoAt = accountList(usable)
	return t.refusedAgain(ctx, *earlier, ""), nil
}

// take makes calls those of the operation.
func (t *talk) take(calls []models.Call) {
	for _, call := range calls {
		call.OperationID = t.op.ID
		t.calls = append(t.calls, call)
	}
}
