package models_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// replicas runs a test on every kind of database, with two processes on it.
func replicas(t *testing.T, fn func(t *testing.T, dbs [2]*models.DB)) {
	t.Helper()
	bare(t, func(t *testing.T, driver, dsn string) {
		clock := modelstest.WithClock(modelstest.NewClock(noon))
		dbs := [2]*models.DB{modelstest.Open(t, driver, dsn, clock), modelstest.Open(t, driver, dsn, clock)}
		no(t, second(dbs[0].Migrate(t.Context())))
		fn(t, dbs)
	})
}

// consent is a merchant's fresh authorisation of a customer's shops.
func consent(customer string) models.Grant {
	return models.Grant{
		Platform: "dianping", Purpose: "vouchers", CustomerID: customer,
		AccessToken: "access-" + customer, RefreshToken: "refresh-" + customer,
		ExpiresAt: noon.AddDate(0, 0, 30), RefreshExpiresAt: noon.AddDate(0, 0, 35), RefreshesLeft: 12, Scope: "tuangou",
		DueAt: noon.AddDate(0, 0, 20), AuthorizedBy: "Boss",
	}
}

func granted(t *testing.T, db *models.DB, customer string) models.Grant {
	t.Helper()
	g, err := db.Grants.Save(t.Context(), consent(customer))
	no(t, err)
	return g
}

// kept checks that a grant is stored exactly as it was returned.
func kept(t *testing.T, db *models.DB, g models.Grant) {
	t.Helper()
	same(t, must(db.Grants.Get(t.Context(), g.ID)), g)
}

func TestSaveGrant(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		first := granted(t, db, "bid-1")
		expect := consent("bid-1")
		expect.ID, expect.Version, expect.Pair, expect.AuthorizedBy, expect.AuthorizedAt = first.ID, 1, 1, "boss", noon
		same(t, first, expect)
		same(t, len(first.ID), 32)
		kept(t, db, first)

		// Everything that tells consents apart.
		for i, differ := range []func(*models.Grant){
			func(g *models.Grant) { g.Platform = "meituan" },
			func(g *models.Grant) { g.Purpose = "shop_list" },
			func(g *models.Grant) { g.CustomerID = "BID-1" },
			func(g *models.Grant) { g.ShopID = "biz-1" },
		} {
			other := consent("bid-1")
			differ(&other)
			other, err := db.Grants.Save(ctx, other)
			no(t, err)
			kept(t, db, other)
			same(t, len(must(db.Grants.List(ctx))), i+2)
		}
		kept(t, db, first)

		// Authorised again after it had ended, by somebody else.
		ended := must(db.Grants.End(ctx, first, "withdrawn"))
		clock.Advance(time.Hour)
		again := consent("bid-1")
		again.AccessToken, again.RefreshToken, again.RefreshesLeft = "access-2", "", -1
		again.ExpiresAt, again.DueAt, again.AuthorizedBy = time.Time{}, time.Time{}, "lisi"
		saved := must(db.Grants.Save(ctx, again))
		again.ID, again.Version, again.Pair, again.AuthorizedAt = first.ID, ended.Version+1, 2, clock.Now()
		same(t, saved, again)
		kept(t, db, saved)
		same(t, len(must(db.Grants.List(ctx))), 5)
	})
}

func TestSaveGrantRefuses(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		for _, spoil := range []func(*models.Grant){
			func(g *models.Grant) { g.Platform = "" },
			func(g *models.Grant) { g.AccessToken = "" },
			func(g *models.Grant) { g.CustomerID = strings.Repeat("1", 129) },
			func(g *models.Grant) { g.ShopID = "1\x00" },
			func(g *models.Grant) { g.Purpose = strings.Repeat("p", 33) },
		} {
			g := consent("bid-1")
			spoil(&g)
			_, err := db.Grants.Save(t.Context(), g)
			want(t, err, models.ErrInvalid)
		}
		same(t, len(must(db.Grants.List(t.Context()))), 0)
	})
}

// A merchant who opens the link twice comes back to two replicas at once.
func TestSaveGrantRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		versions := make([]int, 8)
		for _, err := range race(8, func(i int) error {
			g := consent("bid-1")
			g.AccessToken = fmt.Sprint("access-", i)
			g.RefreshToken = fmt.Sprint("refresh-", i)
			g, err := dbs[i%2].Grants.Save(t.Context(), g)
			versions[i] = g.Version
			return err
		}) {
			no(t, err)
		}
		all := must(dbs[0].Grants.List(t.Context()))
		same(t, len(all), 1)
		same(t, all[0].Version, 8)
		last := -1 // the one whose version stands
		for i, v := range versions {
			if v == 8 {
				last = i
			}
		}
		same(t, all[0].AccessToken, fmt.Sprint("access-", last))
		same(t, all[0].RefreshToken, fmt.Sprint("refresh-", last))
	})
}

func TestDueGrants(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		list := func(limit int) string {
			var all []string
			for _, g := range must(db.Grants.Due(ctx, clock.Now(), limit)) {
				all = append(all, g.CustomerID)
			}
			return strings.Join(all, ",")
		}
		save := func(customer string, due time.Time) models.Grant {
			g := consent(customer)
			g.DueAt = due
			return must(db.Grants.Save(ctx, g))
		}
		save("never", time.Time{})
		save("later", noon.Add(time.Hour))
		save("now", noon)
		leased := save("leased", noon.Add(-time.Minute))
		over := save("ended", noon.Add(-time.Hour))
		same(t, list(10), "ended,leased,now")
		same(t, list(2), "ended,leased")
		no(t, second(db.Grants.End(ctx, over, "withdrawn")))
		no(t, second(db.Grants.Claim(ctx, leased, noon.Add(time.Minute))))
		same(t, list(10), "now")
		clock.Advance(time.Minute) // the lease is over
		same(t, list(10), "leased,now")
		clock.Advance(time.Hour)
		same(t, list(10), "leased,now,later")
	})
}

func TestGrantNotFound(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		_, err := db.Grants.Get(t.Context(), "nobody's")
		want(t, err, models.ErrNotFound)
		_, err = db.Grants.OfAccount(t.Context(), 1)
		want(t, err, models.ErrNotFound)
	})
}

func TestTokensAreNotPrinted(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := consent("bid-1")
	s := models.Session{AccountID: 7, AccessToken: g.AccessToken, RefreshToken: g.RefreshToken}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("grant", "grant", g, "session", s)
	for _, text := range []string{
		fmt.Sprint(g), fmt.Sprintf("%v %+v %#v %s", g, g, g, g), fmt.Sprintf("%+v", []any{&g, g}),
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), fmt.Sprintf("%+v", []any{&s, s}), log.String(),
	} {
		if strings.Contains(text, g.AccessToken) || strings.Contains(text, g.RefreshToken) {
			t.Error("a token is printed:", text)
		}
		if !strings.Contains(text, "bid-1") && !strings.Contains(text, "account:7") {
			t.Error("nothing is told apart:", text)
		}
	}
}
