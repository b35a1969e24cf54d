package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// renewed is what the platform made of a grant.
func renewed(g models.Grant, pair string) models.Grant {
	g.AccessToken, g.RefreshToken, g.RefreshesLeft = "access-"+pair, "refresh-"+pair, g.RefreshesLeft-1
	g.ExpiresAt, g.DueAt = noon.AddDate(0, 0, 60), noon.AddDate(0, 0, 50)
	return g
}

func TestRenewal(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		g := granted(t, db, "bid-1")
		claimed := must(db.Grants.Claim(ctx, g, noon.Add(time.Minute)))
		expect := g
		expect.Version, expect.LeaseUntil = 2, noon.Add(time.Minute)
		expect.Failures, expect.TriedAt = 1, noon
		same(t, claimed, expect)
		kept(t, db, claimed)

		// Nobody else, neither with the old nor with the new version.
		for _, held := range []models.Grant{g, claimed} {
			_, err := db.Grants.Claim(ctx, held, noon.Add(time.Hour))
			want(t, err, models.ErrStale)
		}

		clock.Advance(time.Second)
		failed := must(db.Grants.MarkFailed(ctx, claimed, "timeout", noon.Add(time.Hour)))
		expect = claimed
		expect.Version, expect.Reason, expect.DueAt, expect.LeaseUntil = 3, "timeout", noon.Add(time.Hour), time.Time{}
		same(t, failed, expect)
		kept(t, db, failed)
		_, err := db.Grants.MarkFailed(ctx, claimed, "too late", noon)
		want(t, err, models.ErrStale)
		_, err = db.Grants.Claim(ctx, claimed, clock.Now().Add(time.Minute)) // nobody has it, but it was moved
		want(t, err, models.ErrStale)

		claimed = must(db.Grants.Claim(ctx, failed, clock.Now().Add(time.Minute)))
		same(t, claimed.Failures, 2)
		same(t, claimed.TriedAt, clock.Now())
		claimed.Early = 3
		next := must(db.Grants.MarkRenewed(ctx, renewed(claimed, "2")))
		expect = renewed(claimed, "2")
		expect.Failures = 0
		expect.Version, expect.Pair, expect.Reason, expect.LeaseUntil, expect.RenewedAt = 5, 2, "", time.Time{}, clock.Now()
		same(t, next, expect)
		kept(t, db, next)

		ended := must(db.Grants.End(ctx, next, "withdrawn"))
		expect = next
		expect.Version, expect.Ended, expect.Reason, expect.DueAt = 6, true, "withdrawn", time.Time{}
		expect.AccessToken, expect.RefreshToken = "", ""
		same(t, ended, expect)
		kept(t, db, ended)
		if tokens := raw(t, db, "SELECT COALESCE(access_token, refresh_token) FROM grants"); tokens != nil {
			t.Errorf("of the tokens is left %x", tokens)
		}
		for name, move := range map[string]func() error{
			"claim": func() error { return second(db.Grants.Claim(ctx, ended, noon)) },
			"keep":  func() error { return second(db.Grants.MarkFailed(ctx, ended, "", noon)) },
			"end":   func() error { return second(db.Grants.End(ctx, ended, "again")) },
		} {
			if err := move(); err == nil {
				t.Errorf("%s of a grant that has ended succeeded", name)
			} else {
				want(t, err, models.ErrStale)
			}
		}

		// A new authorisation begins anew.
		again := must(db.Grants.Save(ctx, consent("bid-1")))
		same(t, again.TriedAt, time.Time{})
		same(t, again.Failures+again.Early, 0)
		kept(t, db, again)
	})
}

// That the session is refused is noted once, for the stored pair alone, and in the
// middle of a renewal, too.
func TestGrantRefused(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		g := granted(t, db, "bid-1")
		store := link(t, db, g, "uuid-1")[0]
		note := func(since time.Time) error { return second(db.Grants.MarkRefused(ctx, g, since)) }
		told := func(want bool) {
			t.Helper()
			same(t, must(db.Grants.Session(ctx, store.ID)).Refused, want)
		}
		told(false)
		want(t, note(time.Time{}), models.ErrStale)
		claimed := must(db.Grants.Claim(ctx, g, noon.Add(time.Minute)))
		no(t, note(noon))
		want(t, note(noon.Add(time.Hour)), models.ErrStale)
		told(true)
		same(t, must(db.Grants.Get(ctx, g.ID)).RefusedAt, noon)
		no(t, note(time.Time{}))
		told(false)
		no(t, note(noon))
		next := must(db.Grants.MarkRenewed(ctx, renewed(claimed, "2")))
		told(false)
		kept(t, db, next)
		want(t, note(noon), models.ErrStale) // of the pair before
		next = must(db.Grants.MarkRefused(ctx, next, noon))
		kept(t, db, next)
		kept(t, db, must(db.Grants.Save(ctx, consent("bid-1"))))
		told(false)
	})
}

// What is to be stored may be longer than its column, and the new pair must have
// a token.
func TestRenewalTidies(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		g := granted(t, db, "bid-1")
		_, err := db.Grants.MarkRenewed(t.Context(), models.Grant{ID: g.ID, Pair: g.Pair})
		want(t, err, models.ErrInvalid)
		g = must(db.Grants.MarkFailed(t.Context(), g, strings.Repeat("长", 300), noon))
		same(t, g.Reason, strings.Repeat("长", 255))
		kept(t, db, g)
		long := renewed(g, "2")
		long.Scope = strings.Repeat("s", 300)
		kept(t, db, must(db.Grants.MarkRenewed(t.Context(), long)))
	})
}

func TestClaimGrantRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		g := granted(t, dbs[0], "bid-1")
		for range 5 {
			claims := make([]models.Grant, 8)
			oneWins(t, race(8, func(i int) (err error) {
				claims[i], err = dbs[i%2].Grants.Claim(t.Context(), g, noon.Add(time.Minute))
				return err
			}), models.ErrStale)
			for _, c := range claims {
				if c.ID != "" {
					g = must(dbs[0].Grants.MarkRenewed(t.Context(), renewed(c, "next")))
				}
			}
		}
		same(t, g.Version, 11)
	})
}

// Two processes renewed one pair, because the clock of one is ahead or its lease
// ran out. One new pair is stored; the other one is not needed.
func TestGrantRenewedRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		g := granted(t, dbs[0], "bid-1")
		oneWins(t, race(8, func(i int) error {
			return second(dbs[i%2].Grants.MarkRenewed(t.Context(), renewed(g, fmt.Sprint(i))))
		}), models.ErrStale)
		stands := must(dbs[1].Grants.Get(t.Context(), g.ID))
		same(t, stands.Version, 2)
		same(t, strings.TrimPrefix(stands.AccessToken, "access-"), strings.TrimPrefix(stands.RefreshToken, "refresh-"))
	})
}

// The platform has spent the old pair, so the new one is stored whatever others
// did to the grant meanwhile, except replacing the pair.
func TestRenewalOutlivesItsLease(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		slow := func(customer string) models.Grant {
			return must(db.Grants.Claim(ctx, granted(t, db, customer), clock.Now().Add(time.Minute)))
		}
		for customer, meanwhile := range map[string]func(models.Grant) models.Grant{
			"claimed": func(g models.Grant) models.Grant { return g },
			"kept":    func(g models.Grant) models.Grant { return must(db.Grants.MarkFailed(ctx, g, "timeout", noon)) },
			"ended":   func(g models.Grant) models.Grant { return must(db.Grants.End(ctx, g, "refused")) },
		} {
			g := slow(customer)
			clock.Advance(time.Hour)
			other := meanwhile(must(db.Grants.Claim(ctx, g, clock.Now().Add(time.Minute))))
			next, err := db.Grants.MarkRenewed(ctx, renewed(g, "2"))
			if err != nil {
				t.Fatalf("%s meanwhile: %v", customer, err)
			}
			same(t, next.Version, other.Version+1)
			same(t, next.Ended, false)
			kept(t, db, next)
			// The other one finds out, and cannot end what lives again.
			want(t, second(db.Grants.End(ctx, other, "refused")), models.ErrStale)
			want(t, second(db.Grants.MarkRenewed(ctx, renewed(other, "3"))), models.ErrStale)
		}
		g := slow("authorised anew")
		fresh := granted(t, db, "authorised anew")
		want(t, second(db.Grants.MarkRenewed(ctx, renewed(g, "2"))), models.ErrStale)
		kept(t, db, fresh)
	})
}

// A consent that the merchant took back stays ended, whatever is being done with it,
// until it is given anew.
func TestGrantWithdrawn(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for customer, meanwhile := range map[string]func(models.Grant){
			"idle":    func(models.Grant) {},
			"claimed": func(g models.Grant) { must(db.Grants.Claim(ctx, g, clock.Now().Add(time.Minute))) },
			"failed":  func(g models.Grant) { must(db.Grants.MarkFailed(ctx, g, "timeout", noon)) },
			"ended":   func(g models.Grant) { must(db.Grants.End(ctx, g, "refused")) },
			"renewed": func(g models.Grant) { must(db.Grants.MarkRenewed(ctx, renewed(g, "2"))) },
		} {
			g := granted(t, db, customer)
			meanwhile(g)
			now := must(db.Grants.Get(ctx, g.ID))
			ended := must(db.Grants.Withdraw(ctx, consent(customer), clock.Now().Add(time.Second), "withdrawn"))
			same(t, ended.Pair, now.Pair+1)
			same(t, ended.Version, now.Version+1)
			same(t, ended.Ended, true)
			same(t, ended.Reason, "withdrawn")
			kept(t, db, ended)
			for name, move := range map[string]error{
				"of the first pair": second(db.Grants.MarkRenewed(ctx, renewed(g, "3"))),
				"of the last pair":  second(db.Grants.MarkRenewed(ctx, renewed(now, "3"))),
				"once more":         second(db.Grants.Withdraw(ctx, consent(customer), clock.Now().Add(time.Second), "withdrawn")),
			} {
				if move == nil {
					t.Errorf("%s, %s: the grant moves", customer, name)
				} else {
					want(t, move, models.ErrStale)
				}
			}
			kept(t, db, ended)

			again := granted(t, db, customer)
			want(t, second(db.Grants.MarkRenewed(ctx, renewed(now, "3"))), models.ErrStale)
			want(t, second(db.Grants.Withdraw(ctx, consent(customer), again.AuthorizedAt, "withdrawn")), models.ErrStale)
			kept(t, db, again)
		}
		want(t, second(db.Grants.Withdraw(ctx, consent("nobody"), clock.Now().Add(time.Second), "withdrawn")), models.ErrNotFound)
	})
}

// A renewal is stored while the merchant takes the consent back: whichever is first, it
// is over.
func TestGrantWithdrawnRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		for range 5 {
			g := must(dbs[0].Grants.Claim(t.Context(), granted(t, dbs[0], "bid-1"), noon.Add(time.Minute)))
			for _, err := range race(8, func(i int) error {
				if i%4 == 0 {
					return second(dbs[i%2].Grants.Withdraw(t.Context(), consent("bid-1"), noon.Add(time.Second), "withdrawn"))
				}
				return second(dbs[i%2].Grants.MarkRenewed(t.Context(), renewed(g, fmt.Sprint(i))))
			}) {
				if err != nil {
					want(t, err, models.ErrStale)
				}
			}
			now := must(dbs[1].Grants.Get(t.Context(), g.ID))
			same(t, now.Ended, true)
			same(t, now.AccessToken+now.RefreshToken, "")
		}
	})
}
