package redeem

import (
	"errors"
	"slices"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

// undoElsewhere undoes the last verification of a code in the merchants' app.
func (r *rig) undoElsewhere(code string) {
	r.Helper()
	if r.douyin != nil {
		r.must(r.douyin.UndoElsewhere(code, "boss"))
		return
	}
	r.must(r.platform.UndoElsewhere(code, "boss"))
}

// closeUndone ends what reconciliation has found of an operation, by the codes.
func (r *rig) closeUndone(op models.Operation, found ...string) (models.Operation, error) {
	r.Helper()
	gone := map[string]int{}
	for _, code := range found {
		gone[code]++
	}
	step, err := r.core.CloseUndone(r.Context(), r.now(op), gone, "老板")
	if err != nil {
		return r.now(op), err
	}
	return r.commit(step, nil), nil
}

// ended counts the coupons of an operation that are undone.
func (r *rig) ended(op models.Operation) (n int) {
	r.Helper()
	coupons, err := r.db.Journal.Coupons(r.Context(), op.ID)
	r.must(err)
	for _, c := range coupons {
		if !c.UndoneAt.IsZero() {
			n++
		}
	}
	return n
}

// Of several visits of a card, or coupons of an order, as many end as were undone at the
// platform: no more than reconciliation has found, and not one that stands. The rest is undone
// as ever.
func TestCloseUndoneOfSeveral(t *testing.T) {
	for name, c := range map[string]struct{ count, undone, found, ends int }{
		"one of two":              {2, 1, 1, 1},
		"both":                    {2, 2, 2, 2},
		"both, and one was found": {2, 2, 1, 1},
		"one of three":            {3, 1, 1, 1},
		"two of three":            {3, 2, 2, 2},
		"one, and two were found": {3, 1, 2, 1},
		"none":                    {2, 0, 1, 0},
		"none of two":             {2, 0, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, sell := range map[string]func(r *rig) []string{
				"card":  func(r *rig) []string { r.card(code, 5); return []string{code, code, code} },
				"order": func(r *rig) []string { return r.order(code, 3) },
			} {
				t.Run(kind, func(t *testing.T) {
					everyPlatform(t, func(r *rig) {
						codes := sell(r)[:c.count]
						slices.Reverse(codes)
						op := r.consume(code, c.count)
						r.is(op, models.Done, "")
						r.clock.Advance(time.Minute)
						for _, gone := range codes[:c.undone] {
							r.undoElsewhere(gone)
						}
						op, err := r.closeUndone(op, codes[:c.found]...)
						if c.ends == 0 != errors.Is(err, ErrStillThere) {
							r.Errorf("%v", err)
						}
						if n := r.ended(op); n != c.ends {
							r.Errorf("%d have ended, want %d", n, c.ends)
						}
						if c.ends == c.count {
							if op.State != models.Undone || !UndoneThere(op) {
								r.Errorf("it is %s (%s)", op.State, op.UndoReason)
							}
							return
						}
						if op.State != models.Done {
							r.Errorf("it is %s", op.State)
						}
						r.is(r.settle(r.undo(op)), models.Undone, "")
						if n := r.ended(op); n != c.count {
							r.Errorf("%d are undone, want %d", n, c.count)
						}
					})
				})
			}
		})
	}
}

// The same whatever the platform's books tell of a card's visits.
func TestCloseUndoneOfVisitsByAnyBooks(t *testing.T) {
	for _, record := range dianpingtest.VisitRecords {
		for _, rows := range dianpingtest.VisitRowForms {
			for _, account := range dianpingtest.VerifyAccounts {
				t.Run(string(record)+" "+string(rows)+" "+string(account), func(t *testing.T) {
					everywhere(t, func(r *rig) {
						r.knobs(dianpingtest.Knobs{VisitRecord: record, VisitRows: rows, VerifyAccount: account})
						r.card(code, 5)
						op := r.consume(code, 2)
						r.is(op, models.Done, "")
						r.clock.Advance(time.Minute)
						if _, err := r.closeUndone(op, code); err == nil {
							r.Error("both stand")
						}
						r.undoElsewhere(code)
						op, err := r.closeUndone(op, code)
						r.must(err)
						if n := r.ended(op); n != 1 || op.State != models.Done {
							r.Errorf("%d have ended, and it is %s", n, op.State)
						}
						if _, err := r.closeUndone(op, code); err == nil {
							r.Error("the other stands")
						}
					})
				})
			}
		}
	}
}

// The day after, and beneath a visit of the till.
func TestCloseUndoneOfVisitsLater(t *testing.T) {
	everyPlatform(t, func(r *rig) {
		r.card(code, 5)
		op := r.consume(code, 2)
		r.clock.Advance(5 * time.Minute)
		r.undoElsewhere(code)
		r.clock.Advance(5 * time.Minute)
		r.elsewhere(code, "till")
		r.clock.Advance(24 * time.Hour)
		op, err := r.closeUndone(op, code)
		r.must(err)
		if n := r.ended(op); n != 1 || op.State != models.Done {
			r.Errorf("%d have ended, and it is %s", n, op.State)
		}
	})
}

// What was undone at the platform gives its life back to the visit that it has followed.
func TestCloseUndoneRevives(t *testing.T) {
	everyPlatformAndDatabase(t, func(r *rig) {
		r.card(code, 5)
		first := r.consume(code, 1)
		r.clock.Advance(time.Minute)
		next := r.follow(first)
		r.is(next, models.Done, "")
		if v := CanUndo(r.now(first), r.clock.Now()); v != Superseded {
			r.Fatalf("it is %s", v)
		}
		r.clock.Advance(time.Minute)
		r.undoElsewhere(code)
		next, err := r.closeUndone(next, code)
		r.must(err)
		r.is(next, models.Undone, "")
		r.is(r.undo(r.now(first)), models.Undone, "")
		r.effects(code, 2, 2)
	})
}

// What followed by another code of the same coupons and came to nothing gives it back, too.
func TestReviveByAnotherCode(t *testing.T) {
	type ways map[string]func(r *rig) (first models.Operation, typed string)
	starts := ways{
		"link of a card": func(r *rig) (models.Operation, string) {
			r.links()
			r.card(code, 5)
			return r.consume(r.link(code), 1), code
		},
		"other code of the order": func(r *rig) (models.Operation, string) {
			r.must(r.douyin.SetKnobs(douyintest.Knobs{UsedCode: douyintest.UsedCodeSiblings}))
			codes := r.order(code, 2)
			return r.consume(codes[1], 1), codes[0]
		},
	}
	ends := map[string]func(r *rig, typed string, first models.Operation){
		"undone": func(r *rig, typed string, first models.Operation) {
			next := r.commit(r.core.Consume(r.Context(), r.request(typed, 1, first.ID)))
			r.is(next, models.Done, "")
			r.is(r.undo(next), models.Undone, "")
		},
		"refused": func(r *rig, typed string, first models.Operation) {
			r.fail(dianpingtest.Fault{Call: "consume", Kind: dianpingtest.AnswerCode, Answer: "2119006"})
			next := r.commit(r.core.Consume(r.Context(), r.request(typed, 1, first.ID)))
			r.is(next, models.Rejected, "given_away")
		},
		"undone at the platform": func(r *rig, typed string, first models.Operation) {
			next := r.commit(r.core.Consume(r.Context(), r.request(typed, 1, first.ID)))
			r.is(next, models.Done, "")
			coupons, err := r.db.Journal.Coupons(r.Context(), next.ID)
			r.must(err)
			r.undoElsewhere(coupons[0].Code)
			next, err = r.closeUndone(next, coupons[0].Code)
			r.must(err)
			if next.State != models.Undone {
				r.Errorf("it is %s", next.State)
			}
		},
	}
	for start, begin := range starts {
		for name, end := range ends {
			t.Run(start+", "+name, func(t *testing.T) {
				atDouyin(t, func(r *rig) {
					first, typed := begin(r)
					r.is(first, models.Done, "")
					r.clock.Advance(time.Minute)
					r.is(r.consume(typed, 1), models.Rejected, ReasonHereMore)
					end(r, typed, first)
					r.is(r.undo(r.now(first)), models.Undone, "")
				})
			})
		}
	}
}
