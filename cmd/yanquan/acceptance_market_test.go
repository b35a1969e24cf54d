package main

import (
	"context"
	"time"

	"yanquan/bot/platform"
	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
)

// What every fake platform takes: faults, and a record of the requests.
type (
	fault   = dianpingtest.Fault
	request = dianpingtest.Request
)

// douyin is the third dialect, by its name in accounts.
const douyin dianpingtest.Dialect = platform.DouyinName

// market is a platform as the script sees it: what is sold there, what has become of it,
// and what goes wrong. Shops have the same ids everywhere.
type market interface {
	traits() traits

	sell(v voucher, n int) (codes []string, err error) // n coupons of one order
	voucher(code string) (voucher, bool)
	effects(code string) effects
	ledger() []effect
	elsewhere(code, till string) error // consumes at the till
	unguard(on bool) error             // so that a second consumption is not hidden

	Requests() []request
	Fail(fault) error
	Pause(dianpingtest.PauseMode) error
	Resume()
	Await(ctx context.Context, cond func() bool) error
	TwiceConsumed() []string
}

// traits are what platforms differ in. The script asks for them, and for no platform by
// its name.
type traits struct {
	calls    map[string]string // what it calls consume, reverseconsume and getconsumed; the others have one name
	id       string            // the field of a consume that is the same in each repeat
	window   time.Duration     // for an undo, unless a test says otherwise
	phones   bool              // it tells the customer's phone
	clerks   bool              // it notes who has verified…
	tills    bool              // …and tells which till has
	scans    bool              // it looks up what a customer's QR code says
	renames  bool              // an undo gives the coupon another code
	refusals []refusal
	mistakes []string // in answers to a request that is not as it should be
}

// refusal is a voucher that is refused, and what people read then.
type refusal struct {
	what  voucher
	words string
}

// voucher is what the script wants to know of one, on any platform.
type voucher struct {
	code          string
	shops         []string
	from, expires time.Time
	state         string // before it is verified; as platforms call it
	refused       int    // the platform's code for that

	qr       string
	renamed  string // the code that has taken its place
	shop     string // where it was verified…
	clerk    string // …and by whom
	verified time.Time
	fen      int
}

// effect is a line of a ledger.
type effect struct {
	seq, undoes int // undoes: the line of the consumption that it takes back; else 0
	code, shop  string
	clerk       string // empty: the platform does not note it
	id          string // of the consume's request
	order       string
	ours        bool // not by the till
}

// generation is Meituan/Dianping.
type generation struct {
	*dianpingtest.Platform
	dialect dianpingtest.Dialect
}

func (g generation) traits() traits {
	return traits{
		id: "requestid", window: 10 * time.Minute, phones: true, clerks: true, tills: true, renames: true,
		scans: g.dialect == dianpingtest.Dianping,
		refusals: []refusal{
			{voucher{expires: time.Now().Add(-time.Hour)}, "券已过期"},
			{voucher{from: time.Now().Add(time.Hour)}, "还没到使用日期"},
			{voucher{shops: []string{shopB}}, "不能在本店使用"},
			{voucher{state: string(dianpingtest.Refunding)}, "券正在退款"},
			{voucher{state: string(dianpingtest.RefundRequested)}, "券已申请退款"},
			{voucher{refused: 1023}, "营销活动券"},
		},
		mistakes: []string{"签名"},
	}
}

func (g generation) sell(v voucher, n int) (codes []string, err error) {
	made, err := g.AddOrder(dianpingtest.Voucher{
		Code: v.code, Title: title, Price: priceFen, Mobile: phone, Shops: v.shops, ValidFrom: v.from, Expires: v.expires,
		State: dianpingtest.State(v.state), Refusal: v.refused,
	}, n)
	for _, m := range made {
		codes = append(codes, m.Code)
	}
	return codes, err
}

func (g generation) voucher(code string) (voucher, bool) {
	v, ok := g.Platform.Voucher(code)
	out := voucher{code: v.Code, expires: v.Expires, qr: v.QR, renamed: v.ReplacedBy, fen: int(v.Price)}
	if v.Use != nil {
		out.shop, out.clerk, out.verified = v.Use.Shop, v.Use.Account, v.Use.Time
	}
	return out, ok
}

func (g generation) effects(code string) effects {
	n := g.Effects(code)
	return effects{n.Consumed, n.Undone}
}

func (g generation) ledger() (all []effect) {
	for _, e := range g.Ledger() {
		all = append(all, effect{
			seq: e.Seq, undoes: e.Undoes, code: e.Code, shop: e.Shop, clerk: e.Account, id: e.RequestID, order: e.OrderID, ours: e.Dialect != "",
		})
	}
	return all
}

func (g generation) elsewhere(code, till string) error { return g.ConsumeElsewhere(code, till, "1") }

func (g generation) unguard(on bool) error { return g.SetKnobs(dianpingtest.Knobs{Unguarded: on}) }

// laike is Douyin.
type laike struct{ *douyintest.Platform }

func (l laike) traits() traits {
	return traits{
		calls: map[string]string{"consume": "verify", "reverseconsume": "cancel", "getconsumed": "query"},
		id:    "verify_token", window: time.Hour, scans: true,
		refusals: []refusal{
			{voucher{expires: time.Now().Add(-time.Hour)}, "券已过期"},
			{voucher{from: time.Now().Add(time.Hour)}, "还没到使用日期"},
			{voucher{shops: []string{shopB}}, "不能在本店使用"},
			{voucher{state: string(douyintest.Refunding)}, "退款或者失效"},
			{voucher{refused: 2119006}, "转赠"},
			{voucher{refused: 2119007}, "付款"},
		},
		mistakes: []string{`"error_code":2100005`, `"error_code":2119001`, `"error_code":200002`, `"error_code":1502`},
	}
}

func (l laike) sell(v voucher, n int) (codes []string, err error) {
	made, err := l.AddOrder(douyintest.Voucher{
		Code: v.code, Title: title, Price: priceFen, Shops: v.shops, ValidFrom: v.from, Expires: v.expires,
		State: douyintest.State(v.state), Refusal: v.refused,
	}, n)
	for _, m := range made {
		codes = append(codes, m.Code)
	}
	return codes, err
}

func (l laike) voucher(code string) (voucher, bool) {
	v, ok := l.Platform.Voucher(code)
	out := voucher{code: v.Code, expires: v.Expires, qr: v.QR, fen: int(v.Price)}
	if v.Use != nil {
		out.shop, out.verified = v.Use.Shop, v.Use.Time
	}
	return out, ok
}

func (l laike) effects(code string) effects {
	n := l.Effects(code)
	return effects{n.Consumed, n.Undone}
}

func (l laike) ledger() (all []effect) {
	for _, e := range l.Ledger() {
		switch e.Kind {
		case douyintest.EffectConsumed, douyintest.EffectUndone:
			all = append(all, effect{seq: e.Seq, undoes: e.Undoes, code: e.Code, shop: e.Shop, id: e.VerifyToken, order: e.OrderID, ours: e.VerifyToken != ""})
		}
	}
	return all
}

func (l laike) elsewhere(code, till string) error { return l.ConsumeElsewhere(code, till) }

func (l laike) unguard(on bool) error { return l.SetKnobs(douyintest.Knobs{Unguarded: on}) }
