package models

// Sum is a number of coupons and what they cost. A price of 0 is one that the
// platform did not tell: such a coupon counts, and is in no amount.
type Sum struct {
	Count    int   `json:"n,omitempty"`
	Fen      int64 `json:"fen,omitempty"`
	Unpriced int   `json:"x,omitempty"` // of Count
}

// Add counts one more coupon.
func (s *Sum) Add(fen int64) { *s = s.Plus(one(fen)) }

// Remove takes back what [Sum.Add] did.
func (s *Sum) Remove(fen int64) {
	t := one(fen)
	*s = s.Plus(Sum{-t.Count, -t.Fen, -t.Unpriced})
}

func one(fen int64) Sum {
	if fen == 0 {
		return Sum{Count: 1, Unpriced: 1}
	}
	return Sum{Count: 1, Fen: fen}
}

// Plus is two sums together.
func (s Sum) Plus(t Sum) Sum { return Sum{s.Count + t.Count, s.Fen + t.Fen, s.Unpriced + t.Unpriced} }

// Tally is how many coupons were verified, and how much that is. One that was undone
// counts as undone only.
type Tally struct {
	Verified Sum `json:"v"`
	Undone   Sum `json:"u"`
}

// Add counts one more coupon.
func (t *Tally) Add(fen int64, undone bool) {
	if undone {
		t.Undone.Add(fen)
		return
	}
	t.Verified.Add(fen)
}

// Plus is two tallies together.
func (t Tally) Plus(o Tally) Tally {
	return Tally{t.Verified.Plus(o.Verified), t.Undone.Plus(o.Undone)}
}

// Empty reports whether nothing was verified, nor undone.
func (t Tally) Empty() bool { return t == Tally{} }
