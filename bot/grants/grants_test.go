package grants

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// From the link in the chat to a store that can be worked with.
func TestAuthorize(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ctx, k := t.Context(), r.keepers[0]
		ticket, err := k.NewLink(ctx, r.dialect, Asker{User: "boss", Channel: "app/main"}, 0)
		r.must(err)
		for range 2 { // looking does not use it up
			a, err := k.Authorization(ctx, r.dialect, ticket)
			r.must(err)
			if a.User != "boss" || !a.Expires.Equal(r.clock.Now().Add(LinkLife)) {
				t.Errorf("%+v", a)
			}
		}
		page, err := k.StartAuthorization(ctx, r.dialect, ticket)
		r.must(err)
		if _, err := r.keepers[1].StartAuthorization(ctx, r.dialect, ticket); !errors.Is(err, ErrLinkOver) {
			t.Errorf("the link can be used twice: %v", err)
		}
		back := r.consent(page, "shop-a")
		done, err := r.keepers[1].FinishAuthorization(ctx, r.dialect, back)
		r.must(err)
		if len(done.Stores) != 1 || !strings.Contains(done.Stores[0], "shop-a") {
			t.Errorf("connected %+v", done)
		}
		if _, err := k.FinishAuthorization(ctx, r.dialect, back); !errors.Is(err, ErrLinkOver) {
			t.Errorf("the way back can be used twice: %v", err)
		}
		r.want(r.told.titles(), "门店已接通")
		stores, err := r.db.Directory.Stores(ctx)
		r.must(err)
		if err := r.prepare(0, stores[0]); !errors.Is(err, dianping.Refused) {
			t.Errorf("a code that does not exist: %v", err) // and not: no session
		}
		audit, err := r.db.Audit.List(ctx, models.AuditFilter{})
		r.must(err)
		if len(audit) != 1 || audit[0].UserID != "boss" || audit[0].Action != "authorize" || audit[0].StoreID != stores[0].ID {
			t.Errorf("audit %+v", audit)
		}
	})
}

// Links that are old, of another platform or made up lead nowhere.
func TestAuthorizeRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ctx, k := t.Context(), r.keepers[0]
		if _, err := k.NewLink(ctx, "douyin", Asker{}, 0); !errors.Is(err, ErrPlatformOff) {
			t.Errorf("a platform that is off: %v", err)
		}
		ticket, err := k.NewLink(ctx, r.dialect, Asker{User: "boss"}, 0)
		r.must(err)
		for _, wrong := range []string{"", "x", ticket + "x"} {
			if _, err := k.StartAuthorization(ctx, r.dialect, wrong); !errors.Is(err, ErrLinkOver) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		page, err := k.StartAuthorization(ctx, r.dialect, ticket)
		r.must(err)
		back := r.consent(page, "shop-a")
		r.clock.Advance(LinkLife + time.Second)
		if _, err := k.FinishAuthorization(ctx, r.dialect, back); !errors.Is(err, ErrLinkOver) {
			t.Errorf("too late: %v", err)
		}
		old, err := k.NewLink(ctx, r.dialect, Asker{User: "boss"}, 0)
		r.must(err)
		r.clock.Advance(LinkLife + time.Second)
		if _, err := k.StartAuthorization(ctx, r.dialect, old); !errors.Is(err, ErrLinkOver) {
			t.Errorf("an old link: %v", err)
		}
		if stores, _ := r.db.Directory.Stores(ctx); len(stores) != 0 {
			t.Errorf("stores %+v", stores)
		}
	})
}

// unnamed is a platform whose tokens do not say whose they are.
type unnamed struct{ dianping.Authorizer }

func (u unnamed) Exchange(ctx context.Context, asked dianping.AuthorizeRequest, back dianping.Callback) (dianping.Grant, error) {
	g, err := u.Authorizer.Exchange(ctx, asked, back)
	g.ShopID, g.CustomerID = "", ""
	return g, err
}

// Whose shop it is, is the platform's to say: what a browser brings back is not signed.
func TestBrowserIsNotBelieved(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ctx, k := t.Context(), r.keepers[0]
		try := func(shop string) error {
			ticket, err := k.NewLink(ctx, r.dialect, Asker{User: "boss"}, 0)
			r.must(err)
			page, err := k.StartAuthorization(ctx, r.dialect, ticket)
			r.must(err)
			back := r.consent(page, "shop-a")
			back.Set("opBizCode", shop)
			back.Set("opBizName", "人民广场店")
			_, err = k.FinishAuthorization(ctx, r.dialect, back)
			return err
		}
		if err := try("shop-b"); r.dialect == dianping.Meituan && err == nil { // the first generation brings no such thing
			t.Error("another shop than the platform says was connected")
		}
		before, err := r.db.Directory.Stores(ctx)
		r.must(err)
		k.Authorizers[r.dialect] = unnamed{k.Authorizers[r.dialect]}
		var e *Error
		if err := try("shop-a"); !errors.As(err, &e) || e.Reason != "no_shop" {
			t.Errorf("nobody's tokens: %v", err)
		}
		if stores, _ := r.db.Directory.Stores(ctx); len(stores) != len(before) {
			t.Errorf("stores %+v", stores)
		}
		for _, s := range before {
			if s.ShopID == "shop-b" || s.Name == "人民广场店" {
				t.Errorf("believed: %+v", s)
			}
		}
	})
}

// The platform does not take the code: the manager is told what to do.
func TestAuthorizeNotGranted(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		ctx, k := t.Context(), r.keepers[0]
		ticket, err := k.NewLink(ctx, r.dialect, Asker{User: "boss"}, 0)
		r.must(err)
		page, err := k.StartAuthorization(ctx, r.dialect, ticket)
		r.must(err)
		back := r.consent(page, "shop-a")
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "token"}))
		_, err = k.FinishAuthorization(ctx, r.dialect, back)
		var e *Error
		if !errors.As(err, &e) || e.Words == "" || !errors.Is(err, dianping.UnknownOutcome) {
			t.Errorf("a lost answer: %v", err)
		}
		if stores, _ := r.db.Directory.Stores(ctx); len(stores) != 0 {
			t.Errorf("stores %+v", stores)
		}
	})
}

// F12: renewals that are due race on two replicas: one wins.
func TestFault12RenewalRaces(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		s := r.granted("shop-a")
		before := r.grant(s)
		if due, err := r.keepers[0].Due(t.Context(), 10); err != nil || len(due) != 0 {
			t.Fatalf("due on the first day: %v, %v", due, err)
		}
		r.clock.Advance(before.DueAt.Sub(r.clock.Now()))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				k := r.keepers[i%2]
				due, err := k.Due(t.Context(), 10)
				if err != nil {
					t.Error(err)
				}
				for _, g := range due {
					if err := k.Renew(t.Context(), g); err != nil && !errors.Is(err, models.ErrStale) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		after, there := r.grant(s), r.authorization()
		if there.Refreshes != 1 || there.Refused != 0 || after.AccessToken != there.Token || after.RefreshToken != there.RefreshToken {
			t.Errorf("%d renewals, %d refused, same tokens: %v", there.Refreshes, there.Refused, after.AccessToken == there.Token)
		}
		if !after.DueAt.After(before.DueAt) || !after.ExpiresAt.After(before.ExpiresAt) {
			t.Errorf("due again %s, ends %s", after.DueAt, after.ExpiresAt)
		}
		r.want(r.told.titles())
	})
}

// F12: the session expires in the middle of the work of two replicas: it is
// renewed once, and every call goes on.
func TestFault12SessionExpires(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		s := r.granted("shop-a")
		_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: "下午茶", Shops: []string{"shop-a"}})
		r.must(err)
		r.must(r.platform.ExpireSession(r.grant(s).AccessToken))
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if err := r.prepare(i%2, s); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if a := r.authorization(); a.Refreshes != 1 || a.Refused != 0 {
			t.Errorf("%d renewals, %d refused", a.Refreshes, a.Refused)
		}
	})
}

// F12: the answer to a renewal is lost. Where the platform gives the new pair
// once more, nobody notices.
func TestFault12AnswerLost(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		k := r.platform.Knobs()
		k.OldRefresh, k.OldToken = dianpingtest.OldRefreshUntilUsed, dianpingtest.OldTokenGrace
		r.must(r.platform.SetKnobs(k))
		s := r.granted("shop-a")
		old := r.grant(s)
		r.clock.Advance(old.DueAt.Sub(r.clock.Now()))
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "refresh", Times: 1}))
		r.must(r.keepers[0].Renew(t.Context(), old))
		kept := r.grant(s)
		if kept.AccessToken != old.AccessToken || kept.Reason == "" || kept.DueAt.IsZero() || kept.Ended {
			t.Fatalf("after a lost answer: %+v, reason %q, due %s", kept, kept.Reason, kept.DueAt)
		}
		r.clock.Advance(kept.DueAt.Sub(r.clock.Now()))
		r.must(r.keepers[1].Renew(t.Context(), kept))
		if a, now := r.authorization(), r.grant(s); now.AccessToken != a.Token || now.Reason != "" || a.Repeats != 1 {
			t.Errorf("the new pair was not had: %+v", a)
		}
		r.want(r.told.titles())
	})
}

// F12: …and where it does not, the old access token serves as long as it does.
// Managers are told at once where the platform documents a code for it, otherwise
// with the first call that is refused.
func TestFault12AnswerLostForGood(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		k := r.platform.Knobs()
		k.OldToken = dianpingtest.OldTokenGrace
		r.must(r.platform.SetKnobs(k))
		_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: "下午茶", Shops: []string{"shop-a"}})
		r.must(err)
		s := r.granted("shop-a")
		old := r.grant(s)
		r.clock.Advance(old.DueAt.Sub(r.clock.Now()))
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenHang, Call: "refresh", Times: 1}))
		r.must(r.keepers[0].Renew(t.Context(), old))
		r.must(r.keepers[0].Renew(t.Context(), r.grant(s)))
		documented := r.dialect == dianping.Meituan
		if documented {
			r.want(r.told.titles(), "门店授权不能续期了")
		}
		r.want(r.told.titles())
		r.must(r.prepare(0, s)) // still

		r.clock.Advance(2 * time.Hour) // the platform's grace is over
		for range 2 {
			if err := r.prepare(1, s); !errors.Is(err, dianping.SessionExpired) && !errors.Is(err, dianping.Reauthorize) {
				t.Errorf("a store without authorisation: %v", err)
			}
		}
		r.want(r.told.titles(), "门店授权失效")
		g := r.grant(s)
		if g.Ended != documented || (g.RefreshToken == "") != documented || !Void(g) {
			t.Errorf("ended: %v, the pair is kept: %v, void: %v", g.Ended, g.RefreshToken != "", Void(g))
		}
		again := r.granted("shop-a") // the manager authorises anew
		if again.ID != s.ID {
			t.Errorf("another store: %d and %d", again.ID, s.ID)
		}
		if Void(r.grant(s)) {
			t.Error("void after a new authorisation")
		}
		r.must(r.prepare(0, s))
	})
}

// The platform cannot be reached when a renewal is due: it is tried again, and
// nobody is alarmed for that.
func TestRenewalLater(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		s := r.granted("shop-a")
		g := r.grant(s)
		r.clock.Advance(g.DueAt.Sub(r.clock.Now()))
		r.must(r.platform.Pause(dianpingtest.PauseRefuse))
		for range 3 {
			r.must(r.keepers[0].Renew(t.Context(), r.grant(s)))
			now := r.grant(s)
			if wait := now.DueAt.Sub(r.clock.Now()); wait <= 0 || wait > time.Hour {
				t.Errorf("tried again in %s", wait)
			}
			r.must(r.keepers[0].Watch(t.Context()))
			r.clock.Advance(now.DueAt.Sub(r.clock.Now()))
		}
		r.want(r.told.titles())
		r.platform.Resume()
		r.must(r.keepers[0].Renew(t.Context(), r.grant(s)))
		if a := r.authorization(); a.Refreshes != 1 || r.grant(s).AccessToken != a.Token {
			t.Errorf("not renewed: %+v", a)
		}
	})
}

// One store's trouble does not touch another's.
func TestTroubleOfOneStore(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		a, b := r.granted("shop-a"), r.granted("shop-b")
		_, err := r.platform.AddVoucher(dianpingtest.Voucher{Code: code, Title: "下午茶", Shops: []string{"shop-a", "shop-b"}})
		r.must(err)
		r.must(r.platform.RevokeSession(r.grant(a).AccessToken))
		if err := r.prepare(0, a); !errors.Is(err, dianping.SessionExpired) && !errors.Is(err, dianping.Reauthorize) {
			t.Errorf("the revoked store: %v", err)
		}
		r.must(r.prepare(0, b))
		if !Void(r.grant(a)) || Void(r.grant(b)) {
			t.Errorf("void: %v and %v", Void(r.grant(a)), Void(r.grant(b)))
		}
		r.want(r.told.titles(), "门店授权失效")
	})
}

// Managers are warned 7, 3 and 1 days before an end, once each, whoever looks.
func TestWarnings(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		s := r.granted("shop-a")
		g, err := r.db.Grants.Claim(t.Context(), r.grant(s), r.clock.Now().Add(time.Minute))
		r.must(err)
		g.RefreshToken, g.RefreshesLeft, g.DueAt = "", 0, time.Time{} // the allowance is used up
		g, err = r.db.Grants.MarkRenewed(t.Context(), g)
		r.must(err)
		if !Ends(g).Equal(g.ExpiresAt) {
			t.Fatalf("ends %s, want %s", Ends(g), g.ExpiresAt)
		}
		warned := 0
		for r.clock.Now().Before(g.ExpiresAt.Add(-time.Hour)) {
			left := g.ExpiresAt.Sub(r.clock.Now())
			for _, k := range r.keepers {
				r.must(k.Watch(t.Context()))
			}
			titles := r.told.titles()
			if due := left == 7*day || left == 3*day || left == day; due != (len(titles) == 1) {
				t.Errorf("%s before the end: told %q", left, titles)
			}
			warned += len(titles)
			r.clock.Advance(time.Hour)
		}
		if warned != 3 {
			t.Errorf("%d warnings", warned)
		}
	})
}

// A merchant withdraws the authorisation at the platform, which says so.
func TestUnbound(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		if r.dialect != dianping.Meituan {
			if _, err := r.keepers[0].PlatformNotice(t.Context(), r.dialect, nil); !errors.Is(err, dianping.Unsupported) {
				t.Errorf("the first generation sends none: %v", err)
			}
			return
		}
		s := r.granted("shop-a")
		form := map[string]string{
			"developerId": "100000", "businessId": "58", "opBizCode": "shop-a", "msgType": "510001", "msgId": "m1",
			"timestamp": timestamp(r.clock.Now().Add(-time.Hour)), "message": "{}",
		}
		post := func() (string, error) { return r.keepers[0].PlatformNotice(t.Context(), r.dialect, signed(form)) }
		answer, err := post()
		r.must(err)
		if answer != dianping.NoticeTaken || r.grant(s).Ended {
			t.Errorf("a notice from before the authorisation: %q, ended %v", answer, r.grant(s).Ended)
		}
		form["msgId"], form["opBizCode"] = "odd", ""
		if answer, err = post(); err != nil || answer != dianping.NoticeTaken || r.grant(s).Ended {
			t.Errorf("signed, and about nobody: %q, %v, ended %v", answer, err, r.grant(s).Ended)
		}
		form["msgId"], form["opBizCode"], form["timestamp"] = "m2", "shop-a", timestamp(r.clock.Now().Add(time.Minute))
		for range 2 {
			_, err = post()
			r.must(err)
		}
		if !r.grant(s).Ended {
			t.Error("the grant goes on")
		}
		r.want(r.told.titles(), "门店授权失效")
		bad := signed(form)
		bad.Set("sign", "0")
		if _, err := r.keepers[0].PlatformNotice(t.Context(), r.dialect, bad); !errors.Is(err, dianping.ErrNotAuthentic) {
			t.Errorf("a wrong signature: %v", err)
		}
	})
}

// meanwhile has something happen between the platform's answer to a renewal and its
// storing.
type meanwhile struct {
	dianping.Authorizer
	do func()
}

func (m meanwhile) Refresh(ctx context.Context, g dianping.Grant) (dianping.Grant, error) {
	next, err := m.Authorizer.Refresh(ctx, g)
	m.do()
	return next, err
}

// meanwhile has something happen in the next renewal by the first keeper.
func (r *rig) meanwhile(do func()) {
	auth := r.keepers[0].Authorizers[r.dialect]
	r.keepers[0].Authorizers = map[string]dianping.Authorizer{r.dialect: meanwhile{auth, sync.OnceFunc(do)}}
}

// unbound is the notice that a merchant has withdrawn, as it comes to the second keeper.
func (r *rig) unbound(id string, sent time.Time) {
	r.t.Helper()
	form := map[string]string{
		"developerId": "100000", "businessId": "58", "opBizCode": "shop-a", "msgType": "510001", "msgId": id,
		"timestamp": timestamp(sent), "message": "{}",
	}
	if answer, err := r.keepers[1].PlatformNotice(r.t.Context(), r.dialect, signed(form)); err != nil || answer != dianping.NoticeTaken {
		r.t.Errorf("the notice: %q, %v", answer, err)
	}
}

// Whatever the consent becomes while its tokens are renewed stands: it was taken back, or
// given anew.
func TestConsentChangesMeanwhile(t *testing.T) {
	t.Parallel()
	const over, anew = "over", "anew"
	for name, tt := range map[string]struct {
		happens func(r *rig, s models.Store)
		want    string
		told    []string
		first   bool // happens with the first generation, too
	}{
		"withdrawn": {func(r *rig, _ models.Store) { r.unbound("m1", r.clock.Now()) }, over, []string{"门店授权失效"}, false},
		"withdrawn, told twice": {func(r *rig, _ models.Store) {
			r.unbound("m1", r.clock.Now())
			r.unbound("m2", r.clock.Now())
		}, over, []string{"门店授权失效"}, false},
		"refused to another, withdrawn": {func(r *rig, s models.Store) {
			_, err := r.keepers[1].spent(r.t.Context(), r.grant(s), "reauthorize", true)
			r.must(err)
			r.unbound("m1", r.clock.Now())
		}, over, []string{"门店授权失效"}, false},
		"withdrawn, given anew": {func(r *rig, _ models.Store) {
			r.unbound("m1", r.clock.Now())
			r.clock.Advance(time.Minute)
			r.granted("shop-a")
		}, anew, nil, false},
		"given anew, told late that it was withdrawn": {func(r *rig, _ models.Store) {
			sent := r.clock.Now()
			r.clock.Advance(time.Minute)
			r.granted("shop-a")
			r.unbound("m1", sent)
		}, anew, nil, false},
		"given anew": {func(r *rig, _ models.Store) {
			r.clock.Advance(time.Minute)
			r.granted("shop-a")
		}, anew, nil, true},
	} {
		places := []place{{dianping.Meituan, models.SQLite}, {dianping.Meituan, models.MySQL}}
		if tt.first {
			places = append(places, place{dianping.Dianping, models.SQLite}, place{dianping.Dianping, models.MySQL})
		}
		check := func(t *testing.T, r *rig, s models.Store, session string) {
			now := r.grant(s)
			if tt.want == over && (!now.Ended || now.AccessToken+now.RefreshToken != "" || now.Reason != reasonUnbound) {
				t.Errorf("ended %v (%s), with tokens: %v", now.Ended, now.Reason, now.AccessToken != "")
			}
			if tt.want == anew && (now.Ended || now.AccessToken != session) {
				t.Errorf("ended %v, the tokens are those of the new consent: %v", now.Ended, now.AccessToken == session)
			}
			r.want(r.told.titles(), tt.told...)
		}
		t.Run("in its turn/"+name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				s := r.granted("shop-a")
				g := r.grant(s)
				r.clock.Advance(g.DueAt.Sub(r.clock.Now()))
				session := ""
				r.meanwhile(func() {
					tt.happens(r, s)
					session = r.grant(s).AccessToken
				})
				r.must(r.keepers[0].Renew(t.Context(), g))
				check(t, r, s, session)
			}, places)
		})
		t.Run("by a call/"+name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				r.sells()
				s := r.granted("shop-a")
				r.must(r.platform.ExpireSession(r.grant(s).AccessToken))
				r.clock.Advance(time.Minute)
				session := ""
				r.meanwhile(func() {
					tt.happens(r, s)
					session = r.grant(s).AccessToken
				})
				if err := r.prepare(0, s); tt.want == anew && err != nil || tt.want == over && !sessionRefused(err) {
					t.Errorf("the call: %v", err)
				}
				check(t, r, s, session)
			}, places)
		})
	}
}

// The platform refuses the session, and its renewal fails, for whatever reason:
// managers are told once and at once, the pair is kept and tried again, and it may
// pass.
func TestRefusedAndNotRenewed(t *testing.T) {
	for name, fault := range map[string]dianpingtest.Fault{
		"an undocumented code": {Kind: dianpingtest.AnswerCode, Answer: "4711"},
		"a business code":      {Kind: dianpingtest.AnswerCode, Answer: "1008"},
		"a lost answer":        {Kind: dianpingtest.HangThenDrop},
		"an error of theirs":   {Kind: dianpingtest.Status5xx},
		"a page of a proxy":    {Kind: dianpingtest.ProxyStatus},
		"too many calls":       {Kind: dianpingtest.Throttle},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				r.sells()
				s := r.granted("shop-a")
				before := r.grant(s)
				r.must(r.platform.ExpireSession(before.AccessToken))
				fault.Call, fault.Times = "refresh", -1
				r.must(r.platform.Fail(fault))
				for i := range 5 {
					if err := r.prepare(i%2, s); !errors.Is(err, dianping.SessionExpired) {
						t.Errorf("without a session: %v", err)
					}
					if i == 0 {
						told, words := r.told.all()
						r.want(told, "门店授权失效")
						if !strings.Contains(words, "「shop-a」") || !strings.Contains(words, "重新授权") {
							t.Errorf("told %s", words)
						}
					}
				}
				r.want(r.told.titles())
				g := r.grant(s)
				if g.Ended || g.RefreshToken != before.RefreshToken || !g.DueAt.After(r.clock.Now()) || !Void(g) {
					t.Fatalf("ended %v, the pair is kept: %v, due %s, void: %v", g.Ended, g.RefreshToken == before.RefreshToken, g.DueAt, Void(g))
				}
				if audit, err := r.db.Audit.List(t.Context(), models.AuditFilter{StoreID: s.ID}); err != nil || audit[len(audit)-1].Action != "session refused" {
					t.Errorf("audit %+v, %v", audit, err)
				}
				r.platform.ClearFaults()
				r.clock.Advance(g.DueAt.Sub(r.clock.Now()))
				r.must(r.prepare(0, s)) // it has passed
				if Void(r.grant(s)) {
					t.Error("void after a renewal")
				}
				r.want(r.told.titles())
			})
		})
	}
}

// What ends a grant after managers were told that it is refused is told no second
// time, unless it tells who did it.
func TestRefusedAndThenEnded(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		s := r.granted("shop-a")
		r.must(r.platform.ExpireSession(r.grant(s).AccessToken))
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "refresh", Answer: "4711"}))
		r.works(0, s)
		r.want(r.told.titles(), "门店授权失效")
		ends := "608"
		if r.dialect == dianping.Meituan {
			ends = "OP_UNIAUTH_FAILED/5"
		}
		r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Call: "refresh", Answer: ends}))
		g := r.grant(s)
		r.clock.Advance(g.DueAt.Sub(r.clock.Now()))
		r.must(r.keepers[1].Renew(t.Context(), g))
		if !r.grant(s).Ended {
			t.Error("not ended")
		}
		r.want(r.told.titles())
	})
}

// F12: two replicas whose clocks differ renew a grant over and over, at the same
// time, with answers lost on the way. The session is never burnt: a renewal of
// each round succeeds, and the pair that is stored is the one that serves.
func TestFault12RenewalsOverAndOver(t *testing.T) {
	t.Parallel()
	rounds := 500
	if !breadth.All() {
		rounds = 50
	}
	for _, dialect := range breadth.Of(t.Name(), dianping.Dianping, dianping.Meituan) {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			dsn := modelstest.MigratedMySQLDSN(t)
			clock, ahead := modelstest.NewClock(start), modelstest.NewClock(start.Add(10*time.Minute))
			open := func(c *modelstest.Clock) *models.DB {
				db := modelstest.Open(t, models.MySQL, dsn, modelstest.WithClock(c))
				_, err := db.Migrate(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return db
			}
			r := newRig(t, dialect, clock, open(clock))
			r.keepers[1].DB, r.keepers[1].Now = open(ahead), ahead.Now
			r.must(r.platform.SetKnobs(dianpingtest.Knobs{OldRefresh: dianpingtest.OldRefreshUntilUsed, RefreshAllowance: 10 * rounds}))
			s := r.granted("shop-a")
			lost := rand.New(rand.NewPCG(1, 2))
			for n := range rounds {
				if lost.IntN(3) == 0 {
					r.must(r.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.ApplyThenDrop, Call: "refresh", Times: 1}))
				}
				before := r.grant(s)
				var wg sync.WaitGroup
				for i := range 4 {
					wg.Go(func() {
						if err := r.keepers[i%2].Renew(t.Context(), before); err != nil && !errors.Is(err, models.ErrStale) {
							t.Errorf("round %d: %v", n, err)
						}
					})
				}
				wg.Wait()
				if g := r.grant(s); g.Reason != "" { // the answer was lost: once more
					r.must(r.keepers[n%2].Renew(t.Context(), g))
				}
				g, there := r.grant(s), r.authorization()
				if g.Ended || g.Reason != "" || g.AccessToken != there.Token || g.RefreshToken != there.RefreshToken || there.Refused > 0 {
					t.Fatalf("round %d: ended %v, reason %q, the platform refused %d; the stored pair serves: %v",
						n, g.Ended, g.Reason, there.Refused, g.AccessToken == there.Token)
				}
			}
			r.want(r.told.titles())
			if a := r.authorization(); a.Refreshes != rounds {
				t.Errorf("%d renewals in %d rounds", a.Refreshes, rounds)
			}
		})
	}
}

func TestErrorWithoutCause(t *testing.T) {
	for want, e := range map[string]*Error{
		"grants: " + reasonNoPlatform:         {Reason: reasonNoPlatform},
		"grants: " + reasonNoPlatform + ": x": {Reason: reasonNoPlatform, Err: errors.New("x")},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
}
