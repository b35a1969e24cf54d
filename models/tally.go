package models

// Price is what a coupon costs. A price of 0 is one.
type Price struct {
	Fen     int64
	Unknown bool // the platform told none; Fen is 0
}

// Price is that of one coupon.
func (o Operation) Price() Price { return Price{o.PriceFen, o.PriceUnknown} }

// Price is what was given back.
func (r Refund) Price() Price { return Price{r.PriceFen, r.PriceUnknown} }

// Price is that of the coupon.
func (c Coupon) Price() Price { return Price{c.PriceFen, c.PriceUnknown} }

// Sum is a number of coupons and what they cost. One whose price is not known counts,
// and is in no amount.
type Sum struct {
	Count    int   `json:"n,omitempty"`
	Fen      int64 `json:"fen,omitempty"`
	Unpriced int   `json:"x,omitempty"` // of Count
}

// Add counts one more coupon.
func (s *Sum) Add(p Price) { *s = s.Plus(one(p)) }

// Remove takes back what [Sum.Add] did.
func (s *Sum) Remove(p Price) { *s = s.Minus(one(p)) }

func one(p Price) Sum {
	if p.Unknown {
		return Sum{Count: 1, Unpriced: 1}
	}
	return Sum{Count: 1, Fen: p.Fen}
}

// Plus is two sums together.
func (s Sum) Plus(t Sum) Sum { return Sum{s.Count + t.Count, s.Fen + t.Fen, s.Unpriced + t.Unpriced} }

// Minus is what a sum has more than another.
func (s Sum) Minus(t Sum) Sum {
	return Sum{s.Count - t.Count, s.Fen - t.Fen, s.Unpriced - t.Unpriced}
}

// Tally is how many coupons were verified, and how much that is. One that was undone
// counts as undone only.
type Tally struct {
	Verified Sum `json:"v"`
	Undone   Sum `json:"u"`
}

// Add counts one more coupon.
func (t *Tally) Add(p Price, undone bool) {
	if undone {
		t.Undone.Add(p)
		return
	}
	t.Verified.Add(p)
}

// Plus is two tallies together.
func (t Tally) Plus(o Tally) Tally {
	return Tally{t.Verified.Plus(o.Verified), t.Undone.Plus(o.Undone)}
}

// Empty reports whether nothing was verified, nor undone.
func (t Tally) Empty() bool { return t == Tally{} }
