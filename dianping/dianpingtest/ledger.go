package dianpingtest

import (
	"slices"
	"time"
)

// EffectKind says what happened to a voucher.
type EffectKind string

// The kinds of effects.
const (
	EffectConsumed EffectKind = "consumed"
	EffectUndone   EffectKind = "undone"
)

// Effect is a line of the ledger: something that really happened, whatever the
// caller was told.
type Effect struct {
	Seq         int        `json:"seq"` // 1, 2, 3, …
	Time        time.Time  `json:"time"`
	Kind        EffectKind `json:"kind"`
	Code        string     `json:"code"`
	NewCode     string     `json:"new_code,omitempty"` // of an undo
	OrderID     string     `json:"order_id"`
	Shop        string     `json:"shop"`
	Account     string     `json:"account"`
	AccountName string     `json:"account_name,omitempty"`
	Channel     string     `json:"channel,omitempty"` // of a consumption; 15: through the interface
	RequestID   string     `json:"request_id,omitempty"`
	Dialect     Dialect    `json:"dialect,omitempty"` // empty: at the till
	Undoes      int        `json:"undoes,omitempty"`  // of an undo: the Seq of the consumption that it takes back
}

// use is the verification that an effect of kind [EffectConsumed] is.
func (e Effect) use() Use {
	return Use{
		Seq: e.Seq, Time: e.Time, Shop: e.Shop, Account: e.Account, AccountName: e.AccountName,
		Channel: e.Channel, RequestID: e.RequestID,
	}
}

const (
	channelInterface = "15"
	channelTill      = "1"
)

// Count says how often a code was consumed and undone.
type Count struct {
	Consumed int `json:"consumed"`
	Undone   int `json:"undone"`
}

// Ledger returns every effect, oldest first.
func (p *Platform) Ledger() []Effect {
	p.core.Lock()
	defer p.core.Unlock()
	return slices.Clone(p.ledger)
}

// Effects counts what happened to a code.
func (p *Platform) Effects(code string) Count {
	p.core.Lock()
	defer p.core.Unlock()
	var n Count
	for _, e := range p.ledger {
		switch {
		case e.Code != code:
		case e.Kind == EffectConsumed:
			n.Consumed++
		case e.Kind == EffectUndone:
			n.Undone++
		}
	}
	return n
}

// TwiceConsumed returns the codes that the ledger shows consumed two times
// without an undo between, or of a times card more often than it has visits, in
// the order in which that came about. See [Knobs.Unguarded].
func (p *Platform) TwiceConsumed() []string {
	p.core.Lock()
	defer p.core.Unlock()
	standing := map[string]int{}
	twice := []string{}
	for _, e := range p.ledger {
		if e.Kind == EffectUndone {
			standing[e.Code]--
			continue
		}
		standing[e.Code]++
		if standing[e.Code] > max(1, p.byCode[e.Code].Visits) && !slices.Contains(twice, e.Code) {
			twice = append(twice, e.Code)
		}
	}
	return twice
}

// applyConsume is the only place where a voucher becomes consumed. The caller
// holds the lock and has checked that it may be.
func (p *Platform) applyConsume(v *Voucher, use Use, d Dialect) {
	use.Seq = len(p.ledger) + 1
	p.ledger = append(p.ledger, Effect{
		Seq: use.Seq, Time: use.Time, Kind: EffectConsumed,
		Code: v.Code, OrderID: v.OrderID, Shop: use.Shop, Account: use.Account,
		AccountName: use.AccountName, Channel: use.Channel, RequestID: use.RequestID, Dialect: d,
	})
	if v.Visits > 0 {
		v.takeVisit(use)
		return
	}
	v.State, v.Use = Consumed, &use
}

// applyUndo is the only place where a verification is taken back: the code dies
// and the coupon gets a new one. A times card keeps its code.
func (p *Platform) applyUndo(v *Voucher, now time.Time, op operator, d Dialect) {
	undone := Effect{
		Seq: len(p.ledger) + 1, Time: now, Kind: EffectUndone,
		Code: v.Code, OrderID: v.OrderID, Shop: op.shop,
		Account: op.account, AccountName: op.name, Dialect: d, Undoes: v.Use.Seq,
	}
	if v.Visits > 0 {
		v.giveBack()
	} else {
		undone.NewCode = p.replace(v)
	}
	p.ledger = append(p.ledger, undone)
}

// replace lets a code die and tells the coupon's new one.
func (p *Platform) replace(v *Voucher) string {
	fresh := v.clone()
	fresh.Code = p.newCode(len(v.Code))
	fresh.State, fresh.Use, fresh.Replaces = Usable, nil, v.Code
	p.keep(&fresh)
	v.State, v.ReplacedBy = Replaced, fresh.Code
	return fresh.Code
}
