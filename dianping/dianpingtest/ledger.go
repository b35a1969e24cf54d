package dianpingtest

import (
	"errors"
	"fmt"
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
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ledger)
}

// Effects counts what happened to a code.
func (p *Platform) Effects(code string) Count {
	p.mu.Lock()
	defer p.mu.Unlock()
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
// without an undo between, in the order in which that came about. See
// [Knobs.Unguarded].
func (p *Platform) TwiceConsumed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	consumed := map[string]bool{}
	twice := []string{}
	for _, e := range p.ledger {
		if e.Kind == EffectConsumed && consumed[e.Code] && !slices.Contains(twice, e.Code) {
			twice = append(twice, e.Code)
		}
		consumed[e.Code] = e.Kind == EffectConsumed
	}
	return twice
}

// ConsumeElsewhere consumes a voucher as if at the till or in the merchant's own
// app, at the first shop where it may be used. An empty channel is the till's.
func (p *Platform) ConsumeElsewhere(code, account, channel string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.byCode[code]
	if v == nil {
		return fmt.Errorf("dianpingtest: no voucher %s", code)
	}
	shop := ""
	switch {
	case len(v.Shops) > 0:
		shop = v.Shops[0]
	case len(p.shops) > 0:
		shop = p.shops[0].ID
	default:
		return errors.New("dianpingtest: there is no shop")
	}
	now := p.opts.Now()
	if r := p.unusable(v, shop, now); r != nil {
		return fmt.Errorf("dianpingtest: voucher %s: %d %s", code, r.code, r.msg)
	}
	setDefault(&channel, channelTill)
	p.applyConsume(v, Use{Time: now, Shop: shop, Account: account, Channel: channel}, "", "")
	p.bump()
	return nil
}

// applyConsume is the only place where a voucher becomes consumed. The caller
// holds the lock and has checked that it may be.
func (p *Platform) applyConsume(v *Voucher, use Use, accountName string, d Dialect) {
	v.State, v.Use = Consumed, &use
	p.ledger = append(p.ledger, Effect{
		Seq: len(p.ledger) + 1, Time: use.Time, Kind: EffectConsumed,
		Code: v.Code, OrderID: v.OrderID, Shop: use.Shop, Account: use.Account,
		AccountName: accountName, Channel: use.Channel, RequestID: use.RequestID, Dialect: d,
	})
}

// applyUndo is the only place where a verification is taken back: the code dies
// and the coupon gets a new one.
func (p *Platform) applyUndo(v *Voucher, now time.Time, op operator, d Dialect) {
	fresh := v.clone()
	fresh.Code = p.newCode(len(v.Code))
	fresh.State, fresh.Use, fresh.Replaces = Usable, nil, v.Code
	p.keep(&fresh)
	v.State, v.ReplacedBy = Replaced, fresh.Code
	p.ledger = append(p.ledger, Effect{
		Seq: len(p.ledger) + 1, Time: now, Kind: EffectUndone,
		Code: v.Code, NewCode: fresh.Code, OrderID: v.OrderID, Shop: op.shop,
		Account: op.account, AccountName: op.name, Dialect: d,
	})
}
