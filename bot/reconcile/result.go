package reconcile

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"yanquan/bot/words"
	"yanquan/dianping"
	"yanquan/models"
)

// Figures of an account and day. Listed is always Matched + InShop + OtherSystem +
// DoubtfulListed + Undone + UndoFailed.
type Figures struct {
	Listed         models.Sum   `json:"listed"`  // at the platform, all channels
	Matched        models.Sum   `json:"matched"` // in both
	InShop         models.Sum   `json:"in_shop"`
	OtherSystem    models.Sum   `json:"other_system"`
	DoubtfulListed models.Sum   `json:"doubtful_listed"`
	Undone         models.Sum   `json:"undone"`
	UndoFailed     models.Sum   `json:"undo_failed"`
	OnlyOurs       models.Sum   `json:"only_ours"`
	UndoneThere    models.Sum   `json:"undone_there,omitzero"` // of ours
	Unlisted       models.Sum   `json:"unlisted"`
	Refunded       models.Sum   `json:"refunded"` // of those listed
	Doubtful       int          `json:"doubtful"` // not listed
	AmountDiffers  int          `json:"amount_differs"`
	Difference     dianping.Fen `json:"difference"` // the platform's prices above ours
	Partial        bool         `json:"partial"`    // the platform refused to list some kind of voucher
	Money          Money        `json:"money"`
}

// Plus are the figures of two accounts or days together.
func (f Figures) Plus(g Figures) Figures {
	return Figures{
		Listed: f.Listed.Plus(g.Listed), Matched: f.Matched.Plus(g.Matched), InShop: f.InShop.Plus(g.InShop),
		OtherSystem: f.OtherSystem.Plus(g.OtherSystem), DoubtfulListed: f.DoubtfulListed.Plus(g.DoubtfulListed),
		Undone: f.Undone.Plus(g.Undone), UndoFailed: f.UndoFailed.Plus(g.UndoFailed), OnlyOurs: f.OnlyOurs.Plus(g.OnlyOurs), UndoneThere: f.UndoneThere.Plus(g.UndoneThere),
		Unlisted: f.Unlisted.Plus(g.Unlisted), Refunded: f.Refunded.Plus(g.Refunded),
		Doubtful: f.Doubtful + g.Doubtful, AmountDiffers: f.AmountDiffers + g.AmountDiffers, Difference: f.Difference + g.Difference,
		Partial: f.Partial || g.Partial,
		Money: Money{
			Customer: f.Money.Customer + g.Money.Customer, Merchant: f.Money.Merchant + g.Money.Merchant, Due: f.Money.Due + g.Money.Due,
			Exact: f.Money.Exact + g.Money.Exact, Estimated: f.Money.Estimated + g.Money.Estimated, Untold: f.Money.Untold + g.Money.Untold,
		},
	}
}

// Alarming reports whether money may be lost: a person must look.
func (f Figures) Alarming() bool { return f.Alarms() > 0 }

// Alarms counts what a person must look at.
func (f Figures) Alarms() int { return f.OnlyOurs.Count + f.UndoneThere.Count + f.UndoFailed.Count }

// Even reports whether list and journal agree in all.
func (f Figures) Even() bool {
	return !f.Alarming() && f.AmountDiffers+f.Doubtful+f.DoubtfulListed.Count == 0 && !f.Partial
}

// Line is the figures in one line: 平台 42 笔 = 机器人 40 + 店内 2；平台没有 1 笔.
func (f Figures) Line() string { return strings.Join(append([]string{f.Sum()}, f.Notes()...), "；") }

// Sum says of what the platform's list consists: 平台 42 笔 = 机器人 40 + 店内 2.
func (f Figures) Sum() string {
	var s strings.Builder
	fmt.Fprintf(&s, "平台 %d 笔 = 机器人 %d", f.Listed.Count, f.Matched.Count)
	for _, part := range []struct {
		word string
		n    int
	}{
		{"店内", f.InShop.Count}, {"其他系统", f.OtherSystem.Count}, {"待确认", f.DoubtfulListed.Count},
		{"已撤销", f.Undone.Count}, {"撤销没成功", f.UndoFailed.Count},
	} {
		if part.n > 0 {
			fmt.Fprintf(&s, " + %s %d", part.word, part.n)
		}
	}
	return s.String()
}

// Notes are what the sum does not say, each in a few words: 平台没有 1 笔.
func (f Figures) Notes() (notes []string) {
	for _, note := range []struct {
		word string
		n    int
	}{
		{"平台没有", f.OnlyOurs.Count}, {"平台已撤销", f.UndoneThere.Count}, {"金额不符", f.AmountDiffers}, {"还没有结果", f.Doubtful},
		{"单独查到", f.Unlisted.Count}, {"已退款", f.Refunded.Count},
	} {
		if note.n > 0 {
			notes = append(notes, fmt.Sprintf("%s %d 笔", note.word, note.n))
		}
	}
	if f.Partial {
		notes = append(notes, "平台没有给全")
	}
	return notes
}

// names of the kinds, for people.
var names = map[Kind]string{
	OnlyOurs: "平台没有", UndoneThere: "平台已撤销", UndoFailed: "撤销没成功", AmountDiffers: "金额不符", Doubtful: "还没有结果", OtherSystem: "其他系统核销",
	InShop: "店内核销", Unlisted: "单独查到", Undone: "已撤销，清单里还有", Refunded: "已退款",
}

// Name is what people call the kind.
func (k Kind) Name() string { return names[k] }

// Amount is the money of an item, in words; where the two sides differ, both.
func (i Item) Amount() string {
	if i.Kind == AmountDiffers {
		return fmt.Sprintf("平台 %v，机器人 %v", i.PlatformFen, i.OursFen)
	}
	var s models.Sum
	fen := int64(max(i.OursFen, i.PlatformFen))
	s.Add(models.Price{Fen: fen, Unknown: fen == 0 && !i.PriceKnown})
	return words.Amount(s)
}

// Result is what the last look at an account's day has found.
type Result struct {
	StoreID   int64 // the account
	Day       string
	CheckedAt time.Time
	Final     bool // the day is not looked at again
	Figures   Figures
	Items     []Item // nil where they were not asked for
}

// Read gives a stored result. It is false where no look has succeeded yet.
func Read(r models.Reconciliation, items []models.ReconciliationItem) (Result, bool) {
	result := Result{StoreID: r.StoreID, Day: r.Day, CheckedAt: r.CheckedAt, Final: r.DueAt.IsZero()}
	if r.Looks == 0 || json.Unmarshal([]byte(r.Figures), &result.Figures) != nil {
		return Result{}, false
	}
	for _, i := range items {
		result.Items = append(result.Items, Item{
			Kind: Kind(i.Kind), Code: i.Code, OperationID: i.OperationID, Title: i.Title,
			PlatformFen: dianping.Fen(i.PlatformFen), OursFen: dianping.Fen(i.OursFen), PriceKnown: i.PriceKnown,
			Account: i.Account, Channel: i.Channel, RefundStatus: i.RefundStatus, At: i.VerifiedAt,
		})
	}
	return result, true
}

// write puts a result into the form in which it is stored.
func write(f Figures, items []Item) (string, []models.ReconciliationItem, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return "", nil, fmt.Errorf("reconcile: figures: %w", err)
	}
	rows := make([]models.ReconciliationItem, len(items))
	for i, item := range items {
		rows[i] = models.ReconciliationItem{
			Kind: string(item.Kind), Code: item.Code, OperationID: item.OperationID, Title: item.Title,
			PlatformFen: int64(item.PlatformFen), OursFen: int64(item.OursFen), PriceKnown: item.PriceKnown,
			Account: item.Account, Channel: item.Channel, RefundStatus: item.RefundStatus, VerifiedAt: item.At,
		}
	}
	return string(text), rows, nil
}
