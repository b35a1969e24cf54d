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
// account's does.
const elsewhere = "elsewhere"

// sighting is what the platform of one account says of a code.
type sighting struct {
	*talk
	account models.Account
	looked  platform.Looked // without a shop: nothing
}

// knows reports whether the platform knows the code, whatever can be done with it, and
// unknown whether it says that it does not. Neither: it said nothing that counts.
func (s sighting) knows() bool {
	return s.shop != nil && (s.looked.Why == platform.WrongShop || s.looked.Proves != platform.Unclear && !s.unknown())
}

func (s sighting) unknown() bool {
	return s.looked.Proves == platform.Void && s.looked.Why == platform.NotFound
}

func (s sighting) silent() bool { return !s.knows() && !s.unknown() }

// sight asks accounts' platforms what a code is worth, all at once; the likeliest first,
// where the length of the code says which that is.
func (c *Core) sight(ctx context.Context, q Question, accounts []models.Account) ([]sighting, error) {
	first, others := likeliest(q.Code, accounts)
	seen, err := c.sightEach(ctx, q, first)
	if err != nil || len(seen) == 1 && seen[0].knows() {
		return seen, err
	}
	more, err := c.sightEach(ctx, q, others)
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

func (c *Core) sightEach(ctx context.Context, q Question, accounts []models.Account) ([]sighting, error) {
	seen, errs := make([]sighting, len(accounts)), make([]error, len(accounts))
	for i, a := range accounts {
		q.Account = a
		t, err := c.question(ctx, q)
		if err != nil {
			return nil, err
		}
		seen[i] = sighting{talk: t, account: a}
	}
	var wg sync.WaitGroup
	for i := range seen {
		wg.Go(func() { errs[i] = seen[i].ask(ctx) })
	}
	wg.Wait()
	return seen, errors.Join(errs...)
}

func (s *sighting) ask(ctx context.Context) (err error) {
	if s.shop == nil {
		s.looked.Why = ReasonNoPlatform
		return nil
	}
	s.looked, err = s.look(ctx, s.op.Code)
	s.describe(s.looked.Voucher)
	return err
}

// verdict is what sightings come to: the one account that the code is from, or why that
// is not certain.
type verdict struct {
	seen    []sighting
	one     *sighting
	outcome models.Outcome // where there is no one
}

// judge comes to it. A code that somebody knows counts as a guess nowhere.
func judge(code string, seen []sighting) verdict {
	v := verdict{seen: seen}
	var known, silent []sighting
	for _, s := range seen {
		switch {
		case s.knows():
			known = append(known, s)
		case s.silent():
			silent = append(silent, s)
		}
	}
	if len(known) > 0 {
		for _, s := range seen {
			noGuess(s.calls)
		}
	}
	switch {
	case len(known) == 1 && (len(silent) == 0 || certain(code, known[0].account, seen)):
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

// noGuess marks the calls of those who do not know a code that somebody knows.
func noGuess(calls []models.Call) []models.Call {
	for i := range calls {
		if calls[i].Reason == platform.NotFound {
			calls[i].Reason = elsewhere
		}
	}
	return calls
}

// certain reports whether the length of a code leaves no account but this one.
func certain(code string, a models.Account, seen []sighting) bool {
	var all []models.Account
	for _, s := range seen {
		all = append(all, s.account)
	}
	first, _ := likeliest(code, all)
	return len(first) == 1 && first[0].ID == a.ID
}

func without(seen, silent []sighting) []sighting {
	return slices.DeleteFunc(slices.Clone(seen), func(s sighting) bool {
		return slices.ContainsFunc(silent, func(o sighting) bool { return o.account.ID == s.account.ID })
	})
}

// calls are those that were made, all of them.
func (v verdict) calls() (all []models.Call) {
	for _, s := range v.seen {
		all = append(all, s.calls...)
	}
	return all
}

// accountList and AccountsIn keep accounts in an outcome.
func accountList(seen []sighting) string {
	var ids []string
	for _, s := range seen {
		ids = append(ids, strconv.FormatInt(s.account.ID, 10))
	}
	return strings.Join(ids, ",")
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

// LookIn is [Core.Look] in the one of some accounts that the code is from.
func (c *Core) LookIn(ctx context.Context, q Question, accounts []models.Account) (Found, error) {
	if len(accounts) == 1 {
		q.Account = accounts[0]
		return c.Look(ctx, q)
	}
	seen, err := c.sight(ctx, q, accounts)
	if err != nil {
		return Found{}, err
	}
	v := judge(q.Code, seen)
	if v.one != nil {
		found, err := v.one.found(ctx)
		others := slices.DeleteFunc(v.seen, func(s sighting) bool { return s.account.ID == v.one.account.ID })
		found.Calls = append(found.Calls, noOnes(verdict{seen: others}.calls())...)
		return found, err
	}
	q.Account = accounts[0]
	op := c.asked(q)
	op.Outcome, op.Title = v.outcome, v.titles()
	return Found{Op: op, Calls: noOnes(v.calls())}, nil
}

// titles are what the code stands for, where it is known.
func (v verdict) titles() string {
	var all []string
	for _, s := range v.seen {
		if s.knows() && s.op.Title != "" && !slices.Contains(all, s.op.Title) {
			all = append(all, s.op.Title)
		}
	}
	return strings.Join(all, "；")
}

// ScanIn is [Core.Scan] in several accounts: what any of them knows.
func (c *Core) ScanIn(ctx context.Context, q Question, accounts []models.Account) (all Vouchers, err error) {
	all.Unsupported = true
	for _, a := range accounts {
		q.Account = a
		one, err := c.Scan(ctx, q)
		if err != nil {
			return Vouchers{}, err
		}
		for _, v := range one.List {
			if !slices.ContainsFunc(all.List, func(o platform.Voucher) bool { return o.Code == v.Code }) {
				all.List = append(all.List, v)
			}
		}
		all.Unsupported = all.Unsupported && one.Unsupported
		all.Calls = append(all.Calls, one.Calls...)
		if r := one.Outcome.Reason; !one.Unsupported && (all.Outcome.Reason == "" || all.Outcome.Reason == platform.NotFound) && r != "" {
			all.Outcome = one.Outcome // whoever says more than that it does not know it
		}
	}
	if len(all.List) > 0 {
		noGuess(all.Calls)
	}
	return all, nil
}

// ConsumeIn is [Core.Consume] in the one of some accounts that the code is from. A code
// that one of them has verified is not consumed at another by itself: where another
// knows it, too, the refusal says so.
func (c *Core) ConsumeIn(ctx context.Context, r Request, accounts []models.Account) (Step, error) {
	r.Account = accounts[0]
	if len(accounts) == 1 {
		return c.Consume(ctx, r)
	}
	earlier, account, err := c.earlierIn(ctx, r.Code, accounts)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Clone(accounts), func(a models.Account) bool { return a.ID == account.ID })
	seen, err := c.sight(ctx, Question{UserID: r.UserID, User: r.User, Code: r.Code, Count: r.Count}, others)
	if err != nil {
		return nil, err
	}
	if earlier != nil {
		r.Account = account
		return c.refuseAfter(ctx, r, seen)
	}
	v := judge(r.Code, seen)
	if v.one == nil {
		t := &consumption{&talk{Core: c, op: c.operation(r)}}
		t.op.Title = v.titles()
		t.take(v.calls())
		return t.refused(v.outcome), nil
	}
	r.Account = v.one.account
	return c.consumeSeen(ctx, r, &v)
}

// earlierIn finds what stands on a code in one of the accounts.
func (c *Core) earlierIn(ctx context.Context, code string, accounts []models.Account) (*models.Operation, models.Account, error) {
	ids := make([]int64, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	op, err := c.DB.Journal.ByCouponIn(ctx, ids, code)
	switch {
	case errors.Is(err, models.ErrNotFound) || err == nil && !Standing(op):
		return nil, models.Account{}, nil
	case err != nil:
		return nil, models.Account{}, fmt.Errorf("redeem: earlier operation: %w", err)
	}
	return &op, accounts[slices.Index(ids, op.StoreID)], nil
}

// refuseAfter refuses a code because of an operation of one account, and says which
// others could consume it, too.
func (c *Core) refuseAfter(ctx context.Context, r Request, others []sighting) (Step, error) {
	work, err := c.open(ctx, r.Account, c.operation(r))
	if err != nil {
		return nil, err
	}
	t := &consumption{work}
	t.take(noGuess(verdict{seen: others}.calls()))
	earlier, _, err := t.earlier(ctx, "")
	if err != nil || earlier == nil { // not any more
		return t.refused(models.Outcome{Reason: ReasonBusy}), err
	}
	usable := slices.DeleteFunc(slices.Clone(others), func(s sighting) bool { return s.looked.Proves != platform.Usable })
	t.alsoAt = accountList(usable)
	return t.refusedFor(*earlier), nil
}

// take makes calls those of the operation.
func (t *talk) take(calls []models.Call) {
	for _, call := range calls {
		call.OperationID = t.op.ID
		t.calls = append(t.calls, call)
	}
}
