package dianpingtest

import (
	"cmp"
	"errors"
	"fmt"
)

// What the shop does with its own tools, past the client.

// ConsumeElsewhere consumes a voucher as if at the till or in the merchant's own
// app, now, at the first shop where it may be used. An empty channel is the
// till's.
func (p *Platform) ConsumeElsewhere(code, account, channel string) error {
	return p.UseElsewhere(code, Use{Account: account, Channel: channel})
}

// UseElsewhere is ConsumeElsewhere at a time and at a shop; a zero Time is now,
// an empty Shop the first where the voucher may be used. Of a times card it takes
// a visit.
func (p *Platform) UseElsewhere(code string, u Use) error {
	p.core.Lock()
	defer p.core.Unlock()
	v := p.byCode[code]
	if v == nil {
		return fmt.Errorf("dianpingtest: no voucher %s", code)
	}
	switch {
	case u.Shop != "":
		if err := p.knownShops([]string{u.Shop}); err != nil {
			return err
		}
	case len(v.Shops) > 0:
		u.Shop = v.Shops[0]
	case len(p.shops) > 0:
		u.Shop = p.shops[0].ID
	default:
		return errors.New("dianpingtest: there is no shop")
	}
	if u.Time.IsZero() {
		u.Time = p.core.Now()
	}
	if r := p.unusable(v, u.Shop, u.Time); r != nil {
		return fmt.Errorf("dianpingtest: voucher %s: %d %s", code, r.code, r.msg)
	}
	u.Channel = cmp.Or(u.Channel, channelTill)
	p.applyConsume(v, u, "")
	p.core.Bump()
	return nil
}

// UndoElsewhere takes a verification back as if at the till, now; of a times card
// the latest.
func (p *Platform) UndoElsewhere(code, account string) error {
	p.core.Lock()
	defer p.core.Unlock()
	v := p.byCode[code]
	if v == nil || v.Use == nil {
		return fmt.Errorf("dianpingtest: voucher %s is not consumed", code)
	}
	if _, r := p.undo(code, v.DealID, operator{shop: v.Use.Shop, account: account}, "", p.core.Now()); r != nil {
		return fmt.Errorf("dianpingtest: voucher %s: %d %s", code, r.code, r.msg)
	}
	p.core.Bump()
	return nil
}
