package redeem

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"yanquan/bot/platform"
	"yanquan/models"
)

// Question asks without effect.
type Question struct {
	Account      models.Account
	Shop         platform.Shop // the account's, opened a moment ago; nil: not yet
	UserID, User string
	Code         string // a voucher code; for a scan the text of a QR code
	Count        int
	Product      string // as in [Request]
}

// Found is the answer to a look.
type Found struct {
	// Op is what was told, in the form of an operation that is not stored:
	// rejected, with the reason, unless Usable.
	Op      models.Operation
	Usable  bool
	Decided bool // the platform understood and refused
	Calls   []models.Call
}

// Look asks what a code is worth, and who used it where it is used. The calls are
// for the caller to log.
func (c *Core) Look(ctx context.Context, q Question) (Found, error) {
	seen, err := c.lookEach(ctx, q, []models.Account{q.Account})
	if err != nil {
		return Found{}, err
	}
	return seen[0].found(ctx)
}

// found goes on from what a platform said of a code.
func (s lookResult) found(ctx context.Context) (Found, error) {
	t, looked := s.talk, s.looked
	if t.shop == nil {
		t.op.Outcome = models.Outcome{Reason: ReasonNoPlatform}
		return Found{Op: t.op}, nil
	}
	if looked.Proves == platform.Used {
		if err := t.usedBy(ctx, looked); err != nil {
			return Found{}, err
		}
	}
	t.op.Outcome = outcome(looked.Said)
	usable := looked.Proves == platform.Usable
	if usable {
		ask := t.choose(looked.Voucher, s.named, nil)
		if usable = ask.Reason == ""; !usable {
			t.op.Outcome = ask
		}
	}
	return Found{Op: t.op, Usable: usable, Decided: looked.Decided, Calls: noOnes(t.calls)}, nil
}

// Vouchers is the answer to a scan.
type Vouchers struct {
	List        []platform.Voucher
	Outcome     models.Outcome // why there are none
	Unsupported bool           // the platform knows no QR codes
	Calls       []models.Call
}

// Scan asks which vouchers a QR code stands for. The calls are for the caller to
// log: under a mark of the text, so that strange ones are counted like codes.
func (c *Core) Scan(ctx context.Context, q Question) (Vouchers, error) {
	t, err := c.question(ctx, q)
	if err != nil {
		return Vouchers{}, err
	}
	if t.shop == nil {
		return Vouchers{Outcome: models.Outcome{Reason: ReasonNoPlatform}}, nil
	}
	sum := sha256.Sum256([]byte(q.Code))
	var scanned platform.Scanned
	for range 2 {
		start := t.Now()
		scanned = t.shop.Scan(ctx, q.Code)
		t.note(start, "qr-"+hex.EncodeToString(sum[:8]), scanned.Said)
		if !scanned.Lost || ctx.Err() != nil {
			break
		}
	}
	return Vouchers{scanned.Vouchers, outcome(scanned.Said), scanned.Unsupported, noOnes(t.calls)}, nil
}

// question begins a talk that is nobody's operation.
func (c *Core) question(ctx context.Context, q Question) (*talk, error) {
	return c.openUnless(ctx, q.Shop, q.Account, c.asked(q))
}

func (c *Core) asked(q Question) models.Operation {
	return models.Operation{
		ID: c.NewID(), StoreID: q.Account.ID, Code: q.Code, Count: max(q.Count, 1), UserID: q.UserID, User: q.User, CreatedAt: c.Now(), PriceUnknown: true,
	}
}

// noOnes are calls that belong to no operation.
func noOnes(calls []models.Call) []models.Call {
	for i := range calls {
		calls[i].OperationID = ""
	}
	return calls
}
