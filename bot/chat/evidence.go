package chat

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/models"
)

// skew is how far the platform's clock and ours may be apart when its time of
// a verification is compared with our call.
const skew = 30 * time.Minute

// owner says whose a verification in the platform's record is.
type owner int

const (
	unclear owner = iota // could be ours or somebody else's
	ours                 // this operation's
	theirs               // certainly not this operation's
)

// whose compares the platform's record of a verification with a doubtful
// operation. Only evidence decides: what could be either stays unclear. Where
// another operation of ours explains the record, it is returned.
func (x *money) whose(ctx context.Context, op models.Operation, rec dianping.Record) (owner, *models.Operation, error) {
	all, err := x.DB.OperationsOfCode(ctx, op.Code)
	if err != nil {
		return unclear, nil, fmt.Errorf("bot: operations of a code: %w", err)
	}
	for _, o := range all {
		if o.ID == op.ID || o.ConsumedAt.IsZero() || o.State == models.Undone || o.State == models.Rejected {
			continue
		}
		if rec.VerifyTime.IsZero() {
			return unclear, nil, nil
		}
		if !rec.VerifyTime.After(o.ConsumedAt.Add(2 * time.Minute)) {
			return theirs, &o, nil
		}
	}
	account := strings.TrimSpace(rec.VerifyAccount)
	mine := strings.EqualFold(account, op.UserID) || account != "" && account == op.User
	late := rec.VerifyTime.IsZero() || rec.VerifyTime.After(op.CalledAt.Add(-skew))
	switch {
	case mine && late:
		return ours, nil, nil
	case !late, rec.VerifyChannel != "" && rec.VerifyChannel != thirdParty:
		return theirs, nil, nil // before our call, or at the till
	}
	_, err = x.DB.Member(ctx, op.StoreID, account)
	switch {
	case err == nil:
		return theirs, nil, nil // a colleague
	case errors.Is(err, models.ErrNotFound):
		return unclear, nil, nil
	}
	return unclear, nil, fmt.Errorf("bot: member: %w", err)
}

// thirdParty is the verify_channel of interfaces like this one.
const thirdParty = "15"

// aboutShop: a refusal that speaks of the shop or the operator says nothing of
// what became of the code.
func aboutShop(r dianping.Reason) bool {
	switch r {
	case dianping.WrongShop, dianping.ShopNotGranted, dianping.ShopMissing, dianping.ShopLinkWrong, dianping.BadOperator, dianping.WrongAccountKind:
		return true
	}
	return false
}

// aboutCode: a refusal that speaks of the code, so that it cannot have been
// consumed by us.
func aboutCode(r dianping.Reason) bool {
	switch r {
	case dianping.NotFound, dianping.Expired, dianping.NotYetValid, dianping.Refunding, dianping.RefundRequested, dianping.CodeReplaced,
		dianping.CountTooLarge, dianping.BadCount, dianping.OutOfStock, dianping.ThirdParty, dianping.Marketing, dianping.AccountFrozen,
		dianping.WrongPassword, dianping.VerifyFailed:
		return true
	}
	return false
}

// complete makes sure of one row for each coupon of a consumption. The platform
// can leave codes out; the day's history may tell them. Where it does not, the
// operation says so: what is not certain is not recorded, for an undo would undo
// somebody else's.
func (x *money) complete(ctx context.Context, client dianping.Client, shop dianping.Shop, j *journal, op models.Operation, rows []dianping.Receipt) (models.Operation, []dianping.Receipt, error) {
	rows = distinct(op, rows)
	missing := op.Count - len(rows)
	if missing <= 0 {
		return op, rows, nil
	}
	history, err := call(x, j, dianping.CallQueryListByDate, func() ([]dianping.Record, error) {
		return client.QueryListByDate(ctx, shop, dianping.ListQuery{Date: op.CalledAt})
	})
	if err == nil {
		more, err := x.siblings(ctx, op, rows, history)
		if err != nil {
			return op, nil, err
		}
		if len(more) == missing {
			return op, append(rows, more...), nil
		}
	}
	x.Log.Warn("the platform did not tell every code", "operation", op.ID, "missing", missing)
	op.Outcome = models.Outcome{Reason: redeem.ReasonCodesMissing}
	return op, rows, nil
}

// siblings are the records that can belong to the same call as op's own code:
// same deal and account, the same moment, and no other operation's.
func (x *money) siblings(ctx context.Context, op models.Operation, known []dianping.Receipt, history []dianping.Record) ([]dianping.Receipt, error) {
	var own *dianping.Record
	for i, r := range history {
		if r.Code == op.Code {
			own = &history[i]
		}
	}
	if own == nil {
		return nil, nil
	}
	taken := map[string]bool{}
	for _, r := range known {
		taken[r.Code] = true
	}
	var found []dianping.Receipt
	for _, r := range history {
		if taken[r.Code] || r.DealID != own.DealID || r.VerifyAccount != own.VerifyAccount || r.VerifyTime.Sub(own.VerifyTime).Abs() > 2*time.Second {
			continue
		}
		taken[r.Code] = true
		others, err := x.DB.OperationsOfCode(ctx, r.Code)
		if err != nil {
			return nil, fmt.Errorf("bot: operations of a code: %w", err)
		}
		free := true
		for _, o := range others {
			free = free && (o.ID == op.ID || o.State == models.Rejected)
		}
		if free {
			found = append(found, dianping.Receipt{Code: r.Code, DealID: r.DealID, DealGroupID: r.DealGroupID, Price: r.Price})
		}
	}
	return found, nil
}

// distinct gives one row for each code; a row without one is that of the code
// which was asked for.
func distinct(op models.Operation, rows []dianping.Receipt) []dianping.Receipt {
	if len(rows) == 0 {
		return []dianping.Receipt{{Code: op.Code}}
	}
	seen := map[string]bool{}
	var out []dianping.Receipt
	for _, r := range rows {
		if r.Code == "" {
			r.Code = op.Code
		}
		if !seen[r.Code] {
			seen[r.Code] = true
			out = append(out, r)
		}
	}
	return out
}

// who names the person behind an account of the platform's record: by the store's
// list, or by the journal where it was another store of ours.
func (x *money) who(ctx context.Context, op models.Operation, account string) string {
	if m, err := x.DB.Member(ctx, op.StoreID, account); err == nil && m.Name != "" {
		return m.Name
	}
	all, err := x.DB.OperationsOfCode(ctx, op.Code)
	if err == nil {
		for _, o := range all {
			if o.ID == op.ID || o.ConsumedAt.IsZero() || !strings.EqualFold(o.UserID, account) {
				continue
			}
			if s, err := x.DB.Store(ctx, o.StoreID); err == nil {
				return o.User + "（" + s.Name + "）"
			}
		}
	}
	return phone.ReplaceAllString(account, "$1****$2")
}

// phone is a mobile number, as some systems use for an account.
var phone = regexp.MustCompile(`(1[0-9]{2})[0-9]{4}([0-9]{4})`)
