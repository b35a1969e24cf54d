package douyintest

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
	EffectHeld     EffectKind = "held"     // 1229: neither consumed nor usable
	EffectReleased EffectKind = "released" // of a hold that ended without a verification
	EffectRefunded EffectKind = "refunded" // also after use
)

// Effect is a line of the ledger: something that really happened, whatever the
// caller was told.
type Effect struct {
	Seq           int        `json:"seq"` // 1, 2, 3, …
	Time          time.Time  `json:"time"`
	Kind          EffectKind `json:"kind"`
	Code          string     `json:"code"`               // the coupon's plain code then
	NewCode       string     `json:"new_code,omitempty"` // of an undo; see [Knobs.UndoCode]
	CertificateID string     `json:"certificate_id"`
	OrderID       string     `json:"order_id"`
	Shop          string     `json:"shop,omitempty"`
	VerifyID      string     `json:"verify_id,omitempty"`
	VerifyToken   string     `json:"verify_token,omitempty"` // of a consumption through the interface, and of its hold
	Type          int        `json:"type,omitempty"`         // of a consumption: verify_type
	Verifier      string     `json:"verifier,omitempty"`     // of a consumption or an undo: who
	Serial        int        `json:"serial,omitempty"`       // which use of a times card
	Undoes        int        `json:"undoes,omitempty"`       // of an undo: the Seq of the consumption that it takes back
}

// Count says how often something happened to a code.
type Count struct {
	Consumed int `json:"consumed"`
	Undone   int `json:"undone"`
	Held     int `json:"held"`
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
		if e.Code != code {
			continue
		}
		switch e.Kind {
		case EffectConsumed:
			n.Consumed++
		case EffectUndone:
			n.Undone++
		case EffectHeld:
			n.Held++
		}
	}
	return n
}

// TwiceConsumed returns the codes of coupons that the ledger shows consumed two
// times without an undo between, or of a times card more often than it has uses,
// in the order in which that came about. See [Knobs.Unguarded].
func (p *Platform) TwiceConsumed() []string {
	p.core.Lock()
	defer p.core.Unlock()
	standing := map[*coupon]int{}
	twice := []string{}
	for _, e := range p.ledger {
		v := p.byCode[e.Code]
		switch e.Kind {
		case EffectUndone:
			standing[v]--
		case EffectConsumed:
			standing[v]++
			if standing[v] > max(1, v.Visits) && !slices.Contains(twice, e.Code) {
				twice = append(twice, e.Code)
			}
		}
	}
	return twice
}

// enter adds a line to the ledger. The caller holds the lock.
func (p *Platform) enter(v *coupon, e Effect) int {
	e.Seq, e.Code, e.CertificateID, e.OrderID = len(p.ledger)+1, v.Code, v.CertificateID, v.OrderID
	p.ledger = append(p.ledger, e)
	p.core.Bump()
	return e.Seq
}

// applyConsume is the only place where a voucher becomes consumed, or a use of a
// times card is taken. The caller has checked that it may be.
func (p *Platform) applyConsume(v *coupon, u Use) *usage {
	use := &usage{Use: u, v: v, cursor: p.id("70", 19)}
	use.VerifyID = p.id("73", 19)
	if v.Visits > 0 {
		use.Serial = v.freeSerial()
	}
	use.Seq = p.enter(v, Effect{
		Time: u.Time, Kind: EffectConsumed, Shop: u.Shop, VerifyID: use.VerifyID, VerifyToken: u.Token, Type: u.Type,
		Verifier: u.Verifier, Serial: use.Serial,
	})
	v.uses = append(v.uses, use)
	p.uses = append(p.uses, use)
	v.count()
	p.rotate(p.orders[v.OrderID])
	p.notify(actionVerify, v, u.Time)
	return use
}

// applyUndo is the only place where a verification is taken back.
func (p *Platform) applyUndo(u *usage, verifier string, now time.Time) {
	v := u.v
	undone := Effect{Time: now, Kind: EffectUndone, Shop: u.Shop, VerifyID: u.VerifyID, Verifier: verifier, Serial: u.Serial, Undoes: u.Seq}
	if p.knobs.UndoCode == UndoCodeChanged && v.Visits == 0 {
		undone.NewCode = p.id("10", len(v.Code))
	}
	p.enter(v, undone)
	u.Undone = now
	v.count()
	if undone.NewCode != "" {
		v.FormerCodes = append(v.FormerCodes, v.Code)
		v.Code = undone.NewCode
		p.byCode[v.Code] = v
	}
	p.rotate(p.orders[v.OrderID])
	p.notify(actionCancel, v, now)
}
