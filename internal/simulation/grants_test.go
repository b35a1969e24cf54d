package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// granted reports whether the sessions at Meituan and Dianping were obtained by a manager's
// authorisation, so that they have an end, and are renewed before it.
func (p *plan) granted() bool { return p.Knobs.SessionLife > 0 }

// lives chooses how long sessions last: hours, or months.
func (m *maker) lives() {
	if !m.chance(0.3) {
		return
	}
	m.Knobs.SessionLife = m.between(time.Duration(6*m.Days)*time.Hour, 60*day)
	m.Knobs.RefreshLife = m.Knobs.SessionLife + m.between(time.Hour, 30*day)
	m.Knobs.OldToken = pick(m, dianpingtest.OldTokenDies, dianpingtest.OldTokenGrace)
	m.Knobs.OldRefresh = pick(m, dianpingtest.OldRefreshDies, dianpingtest.OldRefreshUntilUsed)
}

// connect does what is left of an authorisation once the platform has handed out tokens.
func (w *world) connect() {
	if !w.granted() {
		return
	}
	ctx := context.Background()
	db, err := models.Open(ctx, models.Config{Driver: "sqlite", DSN: w.dsn, Key: make([]byte, 32), Now: w.now})
	w.must(err)
	defer func() { w.must(db.Close()) }()
	for _, d := range []dialect{atDianping, atMeituan} {
		var shops []string
		for _, s := range w.Shops {
			if slices.Contains(s.accounts(), d) {
				shops = append(shops, s.Name)
			}
		}
		each := [][]string{shops} // the first generation's session is good for all shops of a merchant
		if d == atMeituan {
			each = slices.Collect(slices.Chunk(shops, 1))
		}
		for i, some := range each {
			if len(some) > 0 {
				w.must(w.grant(ctx, db, fmt.Sprintf("grant-%s-%d", d, i), d, some))
			}
		}
	}
	w.agenda.stir()
}

func (w *world) grant(ctx context.Context, db *models.DB, id string, d dialect, shops []string) error {
	a, err := w.platforms[d].(dianpingFake).Authorize(dianpingtest.Authorization{Dialect: d, Shops: shops})
	if err != nil {
		return err
	}
	now := w.now()
	g := models.Grant{
		ID: id, Platform: string(d), Purpose: "vouchers", CustomerID: a.Customer, AccessToken: a.Token, ExpiresAt: a.Expires,
		RefreshToken: a.RefreshToken, RefreshExpiresAt: a.RefreshExpires, RefreshesLeft: -1,
		DueAt: now.Add(a.Expires.Sub(now) / 2), AuthorizedBy: boss, AuthorizedAt: now,
	}
	if d == atDianping {
		g.RefreshesLeft = a.RefreshesLeft
	} else {
		g.ShopID = shops[0]
	}
	if g, err = db.Grants.Save(ctx, g); err != nil {
		return err
	}
	var covered []models.GrantShop
	for _, s := range shops {
		covered = append(covered, models.GrantShop{ShopID: s})
	}
	linked, err := db.Accounts.LinkGrant(ctx, g, 0, covered)
	if err == nil && len(linked.Accounts) != len(shops) {
		err = fmt.Errorf("%d accounts linked, want %d", len(linked.Accounts), len(shops))
	}
	return err
}

// grantsKept: sessions are renewed before their end, and not much more often.
func (w *world) grantsKept() {
	if !w.granted() {
		return
	}
	quiet := w.wrongsBetween(w.began, w.ends()) == 0
	for _, d := range []dialect{atDianping, atMeituan} {
		for _, a := range w.platforms[d].(dianpingFake).Authorizations() {
			most := 3 + int(time.Duration(w.Days)*day/(w.Knobs.SessionLife/3)) + len(w.troubles)
			switch {
			case a.Refreshes > most:
				w.finding("a session of %v at %s was renewed %d times, %d would do", a.Shops, d, a.Refreshes, most)
			case quiet && (a.Ended || a.Refused > 0 || a.Expires.Before(w.ends())):
				w.finding("a session of %v at %s ended at %s", a.Shops, d, clock(a.Expires))
			}
		}
	}
}
