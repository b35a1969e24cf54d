package grants

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// exchanges notes when a renewal was asked for, whatever became of it.
type exchanges struct {
	dianping.Authorizer
	now    func() time.Time
	change func(*dianping.Grant) // of what the platform answered, if not nil

	mu sync.Mutex
	at []time.Time
}

func (e *exchanges) Refresh(ctx context.Context, g dianping.Grant) (dianping.Grant, error) {
	e.mu.Lock()
	e.at = append(e.at, e.now())
	e.mu.Unlock()
	next, err := e.Authorizer.Refresh(ctx, g)
	if err == nil && e.change != nil {
		e.change(&next)
	}
	return next, err
}

func (e *exchanges) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.at)
}

// watched puts one note-taker before the platform of both keepers.
func (r *rig) watched() *exchanges {
	e := &exchanges{Authorizer: r.clients[0], now: r.clock.Now}
	for _, k := range r.keepers {
		k.Authorizers = map[string]dianping.Authorizer{r.dialect: e}
	}
	return e
}

func (r *rig) knobs(change func(*dianpingtest.Knobs)) {
	r.t.Helper()
	k := r.platform.Knobs()
	change(&k)
	r.must(r.platform.SetKnobs(k))
}

// sells makes the voucher known that [rig.prepare] asks for.
func (r *rig) sells() {
	r.t.Helper()
	_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: "下午茶", Shops: []string{"shop-a"}, Expires: start.AddDate(2, 0, 0)})
	r.must(err)
}

// play lets time pass: the background work of both keepers runs whenever a
// renewal is due, and visit every so often. More than limit renewals end the test.
func (r *rig) play(s models.Store, e *exchanges, limit int, d, every time.Duration, visit func()) {
	r.t.Helper()
	end := r.clock.Now().Add(d)
	for look := r.clock.Now().Add(every); r.clock.Now().Before(end); {
		now, next := r.clock.Now(), look
		if end.Before(next) {
			next = end
		}
		if due := r.grant(s).DueAt; !due.IsZero() && due.Before(next) {
			next = due
		}
		r.clock.Advance(max(next.Sub(now), time.Second))
		for _, k := range r.keepers {
			due, err := k.Due(r.t.Context(), 10)
			r.must(err)
			for _, g := range due {
				r.must(k.Renew(r.t.Context(), g))
				if err := k.Renew(r.t.Context(), g); !errors.Is(err, models.ErrStale) {
					r.t.Fatalf("a renewal that another replica has done: %v", err)
				}
			}
		}
		if !r.clock.Now().Before(look) {
			look = look.Add(every)
			if visit != nil {
				visit()
			}
		}
		if n := e.count(); n > limit {
			r.t.Fatalf("%d renewals within %s, want %d at most in %s", n, d-end.Sub(r.clock.Now()), limit, d)
		}
	}
}

// works reports whether a call goes through, renewed in its middle or not.
func (r *rig) works(keeper int, s models.Store) bool {
	r.t.Helper()
	err := r.prepare(keeper, s)
	if err != nil && !errors.Is(err, dianping.SessionExpired) && !errors.Is(err, dianping.Reauthorize) {
		r.t.Fatal(err)
	}
	return err == nil
}

// perLife is the share of a life after which a pair is renewed at the earliest: a
// quarter is kept in reserve, and a quarter of that is spread.
const perLife = 11.0 / 16

// Whatever the life of the tokens, a grant is renewed as often as the life asks
// for, and a call never finds an expired session.
func TestRenewalsFollowTheLife(t *testing.T) {
	t.Parallel()
	lives := []time.Duration{
		2 * day, 69*time.Hour + 36*time.Minute, 5 * time.Minute, 30 * day, // these on both databases
		20 * time.Minute, time.Hour, 6 * time.Hour, day, 7 * day, 10 * day, 90 * day,
	}
	random := rand.New(rand.NewPCG(7, 11))
	for range 4 { // evenly by order of magnitude
		lives = append(lives, 5*time.Minute<<random.IntN(14)+time.Duration(random.Int64N(int64(5*time.Minute))))
	}
	for i, life := range lives {
		t.Run(life.String(), func(t *testing.T) {
			run := onSQLite
			if i < 4 {
				run = everywhere
			}
			run(t, func(t *testing.T, r *rig) {
				r.knobs(func(k *dianpingtest.Knobs) { k.SessionLife, k.RefreshAllowance = life, 10_000 })
				jitter := rand.New(rand.NewPCG(1, uint64(life)))
				for _, k := range r.keepers {
					k.Jitter = jitter.Float64
				}
				r.sells()
				s, e := r.granted("shop-a"), r.watched()
				ends := life
				if r.dialect == dianping.Meituan {
					ends = min(life, 35*day) // the refresh token lives no longer
				}
				played := min(60*day, 20*life)
				if life == 2*day || life > 30*day {
					played = max(60*day, 3*life)
				}
				limit := int(float64(played) / (float64(ends) * perLife))
				visits := 0
				r.play(s, e, limit, played, played/30, func() {
					if err := r.prepare(visits%2, s); err != nil {
						t.Fatalf("after %s: %v", r.clock.Now().Sub(start), err)
					}
					visits++
				})
				if a := r.authorization(); a.Refused != 0 || a.Refreshes != e.count() || a.Refreshes < int(played/life)-1 {
					t.Errorf("%d renewals in %s, %d of them asked for, %d refused", a.Refreshes, played, e.count(), a.Refused)
				}
				r.want(r.told.titles())
			})
		})
	}
}

// The allowance of the first generation is spread over its whole length, and
// managers are told in time that it comes to its end.
func TestAllowanceIsNotSpentInHaste(t *testing.T) {
	for _, life := range []time.Duration{time.Hour, day, 2 * day, 30 * day} {
		t.Run(life.String(), func(t *testing.T) {
			t.Parallel()
			test := func(t *testing.T, r *rig) {
				r.knobs(func(k *dianpingtest.Knobs) { k.SessionLife = life })
				for _, k := range r.keepers {
					k.Jitter = func() float64 { return 0.99 }
				}
				r.sells()
				s, e := r.granted("shop-a"), r.watched()
				var told []time.Time
				var over time.Time
				r.play(s, e, 12, 14*life, min(life/12, day), func() {
					for _, k := range r.keepers {
						r.must(k.Watch(t.Context()))
					}
					for _, title := range r.told.titles() {
						if title == "门店授权快到期了" {
							told = append(told, r.clock.Now())
						}
					}
					if over.IsZero() && !r.works(0, s) {
						over = r.clock.Now()
					}
				})
				if over.IsZero() || over.Sub(start) < time.Duration(12*perLife*float64(life)) {
					t.Fatalf("12 renewals of %s lasted until %s", life, over.Sub(start))
				}
				if e.count() != 12 {
					t.Errorf("%d renewals", e.count())
				}
				if len(told) == 0 || len(told) > 3 {
					t.Fatalf("%d warnings", len(told))
				}
				first := over.Sub(told[0])
				if all := over.Sub(start); first < min(6*day, all-life/6) {
					t.Errorf("warned %s before the end of %s", first, all)
				}
			}
			in(t, test, []place{{dianping.Dianping, models.SQLite}, {dianping.Dianping, models.MySQL}}) // the second generation does not count
		})
	}
}

// A platform that calls every session expired makes us renew now and then, not
// with every call, and never spends the whole allowance.
func TestExpiredWhateverTheSession(t *testing.T) {
	for _, life := range []time.Duration{10 * time.Minute, 2 * day, 30 * day} {
		t.Run(life.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				r.knobs(func(k *dianpingtest.Knobs) { k.SessionLife, k.RefreshAllowance = life, 12 })
				if life < day {
					r.knobs(func(k *dianpingtest.Knobs) { k.RefreshAllowance = 10_000 })
				}
				r.sells()
				s, e := r.granted("shop-a"), r.watched()
				r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.SessionExpired, Call: "prepare", Times: -1}))

				// At once: one renewal for ten calls on two replicas.
				var wg sync.WaitGroup
				for i := range 10 {
					wg.Go(func() {
						if err := r.prepare(i%2, s); !errors.Is(err, dianping.SessionExpired) {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if e.count() != 1 {
					t.Fatalf("%d renewals at once", e.count())
				}
				r.want(r.told.titles(), "门店授权失效")

				// Then for three days, or as many lives of short tokens.
				played := min(3*day, 20*life)
				// In between after pauses that double from a minute to half the life or six
				// hours, or from a sixtieth of the life where renewals are counted.
				limit := 12 + int(played/min(life/2, 6*time.Hour))
				if r.dialect == dianping.Dianping && life >= day {
					limit = 12 - 1 // at least one is left
				}
				r.play(s, e, limit, played, max(played/200, 10*time.Second), func() { r.works(int(r.clock.Now().Unix()/10)%2, s) })
				days := int(played / day)
				if told := r.told.titles(); len(told) > days || len(told) < days-1 { // once in a day
					t.Errorf("told %q", told)
				}
				if g := r.grant(s); g.Ended || g.RefreshesLeft == 0 {
					t.Fatalf("ended %v, %d left", g.Ended, g.RefreshesLeft)
				}
				r.platform.ClearFaults()
				if !r.works(0, s) {
					t.Error("the platform takes the session again, but we do not have it")
				}
			})
		})
	}
}

// Calls of a platform that takes a session and refuses it by turns do not renew
// it by turns.
func TestExpiredByTurns(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		r.sells()
		s, e := r.granted("shop-a"), r.watched()
		r.play(s, e, 12, 8*time.Hour, time.Minute, func() {
			if r.clock.Now().Minute()%2 == 0 {
				r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.SessionExpired, Call: "prepare", Times: 1}))
			}
			r.works(0, s)
		})
		if g := r.grant(s); g.RefreshesLeft >= 0 && g.RefreshesLeft < 11 {
			t.Errorf("%d renewals of a year are left after eight hours", g.RefreshesLeft)
		}
	})
}

// A renewal that is refused with a code that nobody has documented is tried
// again, ever rarer, as long as the refresh token lives; it never ends a grant.
func TestRefusedRenewalIsTriedAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		r.sells()
		s, e := r.granted("shop-a"), r.watched()
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "refresh", Answer: "4711", Times: -1}))
		look := func() {
			r.works(0, s)
			for _, k := range r.keepers {
				r.must(k.Watch(t.Context()))
			}
		}
		// An hour before the refresh token ends, and five days after the session has.
		played := 35*day - time.Hour
		r.play(s, e, 24*13, played, 6*time.Hour, look)
		told, words := r.told.all()
		if !strings.Contains(words, "没能自动续期，12-23 14:00 到期，到期后不能验券") {
			t.Errorf("told %s", words)
		}
		if !slices.Contains(told, "门店授权快到期了") || !slices.Contains(told, "门店授权失效") || len(told) > 12 {
			t.Errorf("told %q", told)
		}
		g := r.grant(s)
		if g.Ended || g.RefreshToken == "" || g.DueAt.IsZero() || !Void(g) {
			t.Fatalf("ended %v, due %s, void %v", g.Ended, g.DueAt, Void(g))
		}
		for i, at := range e.at[1:] {
			if gap := at.Sub(e.at[i]); gap < time.Minute {
				t.Fatalf("tries %d and %d: %s between", i, i+1, gap)
			}
		}
		if r.dialect == dianping.Meituan {
			r.play(s, e, e.count()+24*2, 2*day, 6*time.Hour, look)
			if !r.grant(s).Ended {
				t.Error("the refresh token has ended by its own life, the grant goes on")
			}
			return
		}
		// The first generation does not tell until when: never given up, ever rarer.
		before := e.count()
		r.play(s, e, e.count()+24*30, 60*day, 6*time.Hour, func() {
			for _, k := range r.keepers {
				r.must(k.Watch(t.Context()))
			}
		})
		if n := e.count() - before; n < 30 || n > 240 {
			t.Errorf("%d tries in 60 days", n)
		}
		r.platform.ClearFaults()
		r.play(s, e, e.count()+1, 2*day, day, nil)
		if !r.works(1, s) {
			t.Error("it has passed, and the pair was not tried again")
		}
	})
}

// Only what is documented for it ends a grant: anything else leaves the pair, even
// when the session is over by its own life.
func TestWhatEndsAGrant(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		refusals := []string{"4711", "1001", "1008"}
		ends := "608"
		if r.dialect == dianping.Meituan {
			refusals = append(refusals, "OP_BIZ_ERROR", "OP_SYSTEM_ERROR", "OP_LIMITATION_REJECT", "OP_API_GRANT_FAILED",
				"OP_UNIAUTH_FAILED", "OP_UNIAUTH_FAILED/3", "OP_UNIAUTH_FAILED/19")
			ends = "OP_UNIAUTH_FAILED/5"
		}
		s := r.granted("shop-a")
		refuse := func(answer string) (before, after models.Grant) {
			before = r.grant(s)
			r.clock.Advance(before.ExpiresAt.Sub(r.clock.Now()) + time.Hour)
			r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "refresh", Answer: answer}))
			r.must(r.keepers[0].Renew(t.Context(), before))
			return before, r.grant(s)
		}
		for i, answer := range refusals {
			before, after := refuse(answer)
			if after.Ended || after.RefreshToken != before.RefreshToken || !after.DueAt.After(r.clock.Now()) {
				t.Fatalf("%s: ended %v, the pair is kept: %v, due %s", answer, after.Ended, after.RefreshToken == before.RefreshToken, after.DueAt)
			}
			r.clock.Advance(after.DueAt.Sub(r.clock.Now()))
			r.must(r.keepers[1].Renew(t.Context(), after))
			if a, now := r.authorization(), r.grant(s); a.Refreshes != i+1 || now.AccessToken != a.Token || now.Failures != 0 {
				t.Fatalf("%s: not renewed afterwards: %+v", answer, a)
			}
		}
		r.want(r.told.titles())
		if _, after := refuse(ends); !after.Ended {
			t.Errorf("%s does not end it", ends)
		}
		r.want(r.told.titles(), "门店授权失效")
	})
}

// Answers to renewals are lost for a week. The platform may count each one, so
// that they are asked for ever more rarely; a call that needs one gets one soon.
func TestLostAnswersAreNotAskedForInHaste(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		r.knobs(func(k *dianpingtest.Knobs) { k.OldRefresh = dianpingtest.OldRefreshUntilUsed })
		r.sells()
		s, e := r.granted("shop-a"), r.watched()
		r.must(r.platform.ExpireSession(r.grant(s).AccessToken))
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "refresh", Times: -1}))
		limit := 7 * 100 // every quarter of an hour
		if r.dialect == dianping.Dianping {
			limit = 9 // at once, when the next call asks, then after 4 and 16 minutes and so on, up to five days
		}
		r.play(s, e, limit, 7*day, 10*time.Minute, func() { r.works(1, s) })
		if r.grant(s).Ended {
			t.Fatal("ended")
		}
		r.platform.ClearFaults()
		r.play(s, e, e.count()+1, 6*day, day, nil)
		if !r.works(0, s) {
			t.Error("the pair was lost")
		}
	})
}

// Tokens of minutes end before anybody is warned: the words fit all the same.
func TestWarnedAfterTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		r.knobs(func(k *dianpingtest.Knobs) { k.SessionLife = 20 * time.Minute })
		s := r.granted("shop-a")
		g := r.grant(s)
		r.clock.Advance(g.DueAt.Sub(r.clock.Now()))
		r.must(r.platform.Pause(dianpingtest.PauseRefuse))
		r.must(r.keepers[0].Renew(t.Context(), g))
		r.must(r.keepers[1].Watch(t.Context()))
		if r.dialect == dianping.Meituan {
			r.want(r.told.titles()) // it has only begun to fail
		}
		r.told.titles()
		r.clock.Advance(10 * time.Minute)
		for range 2 {
			r.must(r.keepers[0].Watch(t.Context()))
		}
		told, words := r.told.all()
		r.want(told, "门店授权到期了")
		if words != "「shop-a」 的平台授权没能自动续期，11-23 14:20 已经到期，现在不能验券。我会继续尝试。请点按钮重新授权。\n" {
			t.Errorf("told %s", words)
		}
	})
}

// A process dies in the middle of each renewal, again and again: the next one
// waits like after any answer that was lost.
func TestDyingInTheMiddle(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		s := r.granted("shop-a")
		r.clock.Advance(r.grant(s).DueAt.Sub(r.clock.Now()))
		begun := 0
		for range 24 * 60 * 6 { // a day, looking every ten seconds
			due, err := r.keepers[begun%2].Due(t.Context(), 10)
			r.must(err)
			for _, g := range due {
				_, err := r.db.Grants.Claim(t.Context(), g, r.clock.Now().Add(r.keepers[0].lease()))
				r.must(err)
				begun++
			}
			r.clock.Advance(10 * time.Second)
		}
		most := 6 + 24 // doubling to an hour
		if r.dialect == dianping.Dianping {
			most = 7 // fourfold
		}
		if begun < 4 || begun > most {
			t.Errorf("%d renewals begun in a day, want %d at most", begun, most)
		}
	})
}

// A session that cannot be renewed any more and has some of its life left is not
// given up because the platform calls it expired once.
func TestExpiredByMistake(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		r.sells()
		s := r.granted("shop-a")
		g, err := r.db.Grants.Claim(t.Context(), r.grant(s), r.clock.Now().Add(time.Minute))
		r.must(err)
		g.RefreshToken, g.RefreshesLeft, g.DueAt = "", 0, time.Time{} // the allowance is used up
		g, err = r.db.Grants.MarkRenewed(t.Context(), g)
		r.must(err)
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.SessionExpired, Call: "prepare"}))
		if r.works(0, s) {
			t.Error("it was refused")
		}
		r.want(r.told.titles(), "门店授权失效")
		if !Void(r.grant(s)) {
			t.Error("it is refused and cannot be renewed")
		}
		if !r.works(1, s) || Void(r.grant(s)) {
			t.Error("it was given up")
		}
		r.clock.Advance(g.ExpiresAt.Sub(r.clock.Now()))
		if r.works(0, s) || !r.grant(s).Ended {
			t.Error("it goes on after its own end")
		}
		r.want(r.told.titles(), "门店授权失效")
	})
}

// Where the platform does not tell how long a token lives, calls that are refused
// renew it, as often as it ends and no oftener.
func TestLifeNotTold(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		if r.dialect == dianping.Dianping {
			r.knobs(func(k *dianpingtest.Knobs) { k.RefreshAllowance = 10_000 })
		}
		r.knobs(func(k *dianpingtest.Knobs) { k.SessionLife = 2 * day })
		r.sells()
		s, e := r.granted("shop-a"), r.watched()
		e.change = func(g *dianping.Grant) { g.ExpiresAt = time.Time{} }
		works, calls := 0, 0
		r.play(s, e, 31, 60*day, 6*time.Hour, func() {
			calls++
			if r.works(calls%2, s) {
				works++
			}
		})
		least := calls
		if r.dialect == dianping.Dianping {
			least = calls / 4 // renewals that are counted are not spent on a guess
		}
		if works < least {
			t.Errorf("%d of %d calls went through", works, calls)
		}
		if g := r.grant(s); !g.ExpiresAt.IsZero() || g.DueAt.IsZero() {
			t.Errorf("expires %s, due %s", g.ExpiresAt, g.DueAt)
		}
	})
}

// A token that is over as it comes, because the clocks disagree or the platform
// says so, is not renewed again at once.
func TestLifeOfNothing(t *testing.T) {
	for _, life := range []time.Duration{-time.Hour, 0, time.Second} {
		t.Run(fmt.Sprint(life), func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				r.knobs(func(k *dianpingtest.Knobs) { k.SessionLife, k.RefreshAllowance = 20*time.Minute, 10_000 })
				s, e := r.granted("shop-a"), r.watched()
				e.change = func(g *dianping.Grant) { g.ExpiresAt = r.clock.Now().Add(life) }
				r.play(s, e, 61, time.Hour, 10*time.Minute, nil)
			})
		})
	}
}

// The clock goes back by hours: the session ends before its renewal is due by
// that clock. A call renews it; what was noted in the future holds nothing up.
func TestClockGoesBack(t *testing.T) {
	for _, back := range []time.Duration{time.Hour, 3 * day} {
		t.Run(back.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				r.knobs(func(k *dianpingtest.Knobs) { k.SessionLife, k.RefreshAllowance = 20*time.Minute, 10_000 })
				r.sells()
				s, e := r.granted("shop-a"), r.watched()
				r.play(s, e, 5, time.Hour, 10*time.Minute, nil)
				before := e.count()
				r.clock.Advance(-back)
				r.must(r.platform.ExpireSession(r.grant(s).AccessToken)) // the platform's clock goes on
				for range 3 {
					if !r.works(0, s) {
						t.Fatal("no session after the clock went back")
					}
				}
				if n := e.count() - before; n != 1 {
					t.Errorf("%d renewals", n)
				}
				before = e.count()
				r.play(s, e, before+5, time.Hour, 10*time.Minute, func() {
					if !r.works(1, s) {
						t.Error("no session later")
					}
				})
			})
		})
	}
}
