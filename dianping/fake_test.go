package dianping_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/fakeserver"
)

// The client against the fake, which is judged by the public facts and not by
// the client.

const (
	callbackURL = "http://bot.example/auth/callback"
	state       = "state-0123456789abcdef"
)

// story is a platform with two shops and a client of one dialect.
type story struct {
	*testing.T
	platform *dianpingtest.Platform
	api      dianping.API
	http     *http.Client
	clock    *fakeserver.Clock
}

func newStory(t *testing.T, name string, knobs dianpingtest.Knobs) *story {
	t.Helper()
	s := &story{T: t, clock: fakeserver.NewClock(time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC))}
	s.platform = dianpingtest.New(dianpingtest.Options{
		Now: s.clock.Now, AppKey: "key", AppSecret: "app-secret", DeveloperID: "100000", SignKey: "sign-key", Knobs: knobs,
		Registration: dianpingtest.Registration{RedirectURLs: []string{callbackURL}, CallbackURL: callbackURL},
	})
	srv := httptest.NewServer(s.platform)
	t.Cleanup(srv.Close)
	t.Cleanup(s.platform.Close)
	s.http = srv.Client()
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var err error
	if name == dianping.Dianping {
		s.api, err = dianping.NewDianping(dianping.Config{APIURL: srv.URL, AuthURL: srv.URL, AppKey: "key", AppSecret: "app-secret", Now: s.clock.Now, Timeout: 10 * time.Second})
	} else {
		s.api, err = dianping.NewMeituan(dianping.MeituanConfig{APIURL: srv.URL, AuthURL: srv.URL, DeveloperID: "100000", SignKey: "sign-key", Now: s.clock.Now, Timeout: 10 * time.Second})
	}
	s.ok(err)
	for _, shop := range []dianpingtest.Shop{{ID: "shop-1", Name: "海底捞", Branch: "人民广场店"}, {ID: "shop-2", Name: "五角场店"}} {
		s.ok(s.platform.AddShop(shop))
	}
	return s
}

func (s *story) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// authorize is a merchant's way through the page; what was asked and what came
// back.
func (s *story) authorize(purpose dianping.Purpose, shops ...string) (dianping.AuthorizeRequest, dianping.Callback) {
	s.Helper()
	asked := dianping.AuthorizeRequest{Purpose: purpose, State: state, RedirectURL: callbackURL}
	address, err := s.api.AuthorizeURL(asked)
	s.ok(err)
	resp, err := s.http.PostForm(address, url.Values{"shop": shops})
	s.ok(err)
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil || !strings.HasPrefix(to.String(), callbackURL+"?") {
		s.Fatalf("status %d, sent to %v: %v", resp.StatusCode, to, err)
	}
	back, err := s.api.ReadCallback(to.Query())
	s.ok(err)
	return asked, back
}

func (s *story) grant(purpose dianping.Purpose, shops ...string) dianping.Grant {
	s.Helper()
	asked, back := s.authorize(purpose, shops...)
	g, err := s.api.Exchange(s.Context(), asked, back)
	s.ok(err)
	return g
}

// works reports whether a grant's access token is good for calls.
func (s *story) works(g dianping.Grant) bool {
	_, err := s.api.QueryShopDeal(context.Background(), dianping.Shop{ID: "shop-1", Session: g.AccessToken})
	return err == nil
}

// forBoth tells a story of each dialect.
func forBoth(t *testing.T, knobs dianpingtest.Knobs, tell func(s *story)) {
	t.Helper()
	for _, name := range []string{dianping.Dianping, dianping.Meituan} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tell(newStory(t, name, knobs))
		})
	}
}

func wantError(t *testing.T, err error, class dianping.Class, reason dianping.Reason) {
	t.Helper()
	var e *dianping.Error
	if !errors.As(err, &e) || e.Class != class || e.Reason != reason {
		t.Errorf("got %v, want %s %s", err, string(class), reason)
	}
}

// wantSpent: the second generation has a documented code for what serves no more,
// the first has none.
func (s *story) wantSpent(err error, reason dianping.Reason) {
	s.Helper()
	if s.api.Platform() == dianping.Dianping {
		wantError(s.T, err, dianping.UnknownOutcome, dianping.Other)
		return
	}
	wantError(s.T, err, dianping.Reauthorize, reason)
}

func TestAuthorisationOfAShop(t *testing.T) {
	t.Parallel()
	forBoth(t, dianpingtest.Knobs{}, func(s *story) {
		asked, back := s.authorize("", "shop-1")
		g, err := s.api.Exchange(s.Context(), asked, back)
		s.ok(err)
		want := dianping.Grant{Purpose: dianping.ForVouchers, ExpiresAt: s.clock.Now().Add(30 * 24 * time.Hour), RefreshesLeft: 12, CustomerID: "customer-1", Scope: "tuangou"}
		shops := []dianping.AuthorizedShop{{ID: "shop-1", Name: "海底捞（人民广场店）"}}
		if s.api.Platform() == dianping.Meituan {
			want.RefreshesLeft, want.CustomerID, want.Scope = dianping.RefreshesNotTold, "", "all"
			want.ShopID, want.ShopName, want.RefreshExpiresAt = "shop-1", "海底捞人民广场店", s.clock.Now().Add(35*24*time.Hour)
			shops[0].Name = "海底捞人民广场店"
		}
		a := s.platform.Authorizations()[0]
		want.AccessToken, want.RefreshToken = a.Token, a.RefreshToken
		if diff := cmp.Diff(want, g); diff != "" {
			s.Errorf("grant (-want +got):\n%s", diff)
		}
		got, err := s.api.Shops(s.Context(), g)
		if diff := cmp.Diff(shops, got); diff != "" || err != nil {
			s.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if !s.works(g) {
			s.Error("the token does not serve")
		}
		_, err = s.api.Exchange(s.Context(), asked, back)
		s.wantSpent(err, dianping.CodeSpent)
	})
}

func TestListOfAllShopsOfACustomer(t *testing.T) {
	t.Parallel()
	forBoth(t, dianpingtest.Knobs{}, func(s *story) {
		ids := []string{"shop-1", "shop-2"}
		for i := range 120 {
			ids = append(ids, fmt.Sprint("more-", i))
			s.ok(s.platform.AddShop(dianpingtest.Shop{ID: ids[len(ids)-1]}))
		}
		purpose := dianping.ForVouchers
		if s.api.Platform() == dianping.Meituan {
			purpose = dianping.ForShopList
		}
		g := s.grant(purpose, ids...)
		for _, paging := range []dianpingtest.ListPaging{dianpingtest.PagingRows, dianpingtest.PagingPages, dianpingtest.PagingNone} {
			s.ok(s.platform.SetKnobs(dianpingtest.Knobs{ShopPaging: paging}))
			shops, err := s.api.Shops(s.Context(), g)
			if err != nil || len(shops) != 122 {
				s.Errorf("%s: %d shops, %v", paging, len(shops), err)
			}
		}
	})
}

func TestRefreshForYears(t *testing.T) {
	t.Parallel()
	forBoth(t, dianpingtest.Knobs{RefreshAllowance: 3}, func(s *story) {
		g := s.grant("", "shop-1")
		for i := 1; i <= 3; i++ {
			s.clock.Add(29 * 24 * time.Hour)
			young, err := s.api.Refresh(s.Context(), g)
			s.ok(err)
			if !s.works(young) || s.works(g) || young.ShopID != g.ShopID || young.CustomerID != g.CustomerID {
				s.Errorf("refresh %d: %v after %v", i, young, g)
			}
			if _, err := s.api.Refresh(s.Context(), g); young.RefreshToken != "" {
				s.wantSpent(err, dianping.RefreshSpent)
			}
			g = young
		}
		_, err := s.api.Refresh(s.Context(), g)
		if s.api.Platform() == dianping.Dianping { // its allowance is used up
			wantError(s.T, err, dianping.Reauthorize, dianping.RefreshSpent)
		} else {
			s.ok(err)
		}
		if n := s.platform.Authorizations()[0].Refreshes; n != 3 && s.api.Platform() == dianping.Dianping {
			s.Errorf("%d refreshes", n)
		}
	})
}

// A lost answer is told as such; the old pair then serves where the platform
// takes it again, and is refused in so many words where it does not.
func TestLostAnswerToARefresh(t *testing.T) {
	t.Parallel()
	for _, knob := range []dianpingtest.OldRefresh{dianpingtest.OldRefreshDies, dianpingtest.OldRefreshUntilUsed} {
		for _, refusals := range []dianpingtest.OAuthRefusals{dianpingtest.OAuthNumber, dianpingtest.OAuthGateway} {
			forBoth(t, dianpingtest.Knobs{OldRefresh: knob, OAuthRefusals: refusals}, func(s *story) {
				g := s.grant("", "shop-1")
				for _, kind := range []dianpingtest.FaultKind{dianpingtest.ApplyThenDrop, dianpingtest.HalfBody, dianpingtest.Status5xx} {
					s.ok(s.platform.Fail(dianpingtest.Fault{Kind: kind, Call: "refresh", Applied: true}))
				}
				_, err := s.api.Refresh(s.Context(), g)
				wantError(s.T, err, dianping.UnknownOutcome, "")
				if again, _ := dianping.Repeatable(dianping.CallRefresh, err); !again {
					s.Error("the old pair may not be tried")
				}
				for range 2 {
					_, err = s.api.Refresh(s.Context(), g)
					wantError(s.T, err, dianping.UnknownOutcome, "")
				}
				young, err := s.api.Refresh(s.Context(), g)
				if knob == dianpingtest.OldRefreshDies {
					s.wantSpent(err, dianping.RefreshSpent)
					return
				}
				if err != nil || !s.works(young) {
					s.Errorf("the pair is lost: %v", err)
				}
				if n := s.platform.Authorizations()[0].Refreshes; n != 1 {
					s.Errorf("%d refreshes took effect", n)
				}
			})
		}
	}
}

func TestRefusedRefreshes(t *testing.T) {
	t.Parallel()
	forBoth(t, dianpingtest.Knobs{}, func(s *story) {
		g := s.grant("", "shop-1")
		for _, tt := range []struct {
			fault  dianpingtest.Fault
			class  dianping.Class
			reason dianping.Reason
		}{
			{dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "9999"}, dianping.UnknownOutcome, dianping.Other},
			{dianpingtest.Fault{Kind: dianpingtest.SessionExpired}, dianping.Reauthorize, dianping.RefreshSpent},
			{dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "OP_UNIAUTH_FAILED/22"}, dianping.Reauthorize, dianping.RefreshSpent},
			{dianpingtest.Fault{Kind: dianpingtest.AnswerCode, Answer: "OP_SYSTEM_ERROR"}, dianping.UnknownOutcome, ""},
		} {
			if s.api.Platform() == dianping.Dianping && strings.HasPrefix(tt.fault.Answer, "OP_") {
				continue // not a code of that dialect
			}
			tt.fault.Call = "refresh"
			s.ok(s.platform.Fail(tt.fault))
			_, err := s.api.Refresh(s.Context(), g)
			wantError(s.T, err, tt.class, tt.reason)
		}
		a := s.platform.Authorizations()[0]
		if a.Refreshes != 0 || !s.works(g) {
			s.Errorf("a refused refresh had an effect: %+v", a)
		}
		s.ok(s.platform.RevokeSession(a.Token))
		_, err := s.api.Refresh(s.Context(), g)
		s.wantSpent(err, dianping.RefreshSpent)
	})
}

func TestUnbindingIsHeardOf(t *testing.T) {
	t.Parallel()
	s := newStory(t, dianping.Meituan, dianpingtest.Knobs{})
	heard := make(chan dianping.Notice, 4)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		n, err := s.api.ReadNotice(r.PostForm)
		if err != nil {
			t.Error(err)
		}
		heard <- n
		_, _ = w.Write([]byte(dianping.NoticeTaken))
	}))
	t.Cleanup(srv.Close)
	s.platform.SetRegistration(dianpingtest.Registration{CallbackURL: callbackURL, NoticeURL: srv.URL})
	vouchers, list := s.grant(dianping.ForVouchers, "shop-2"), s.grant(dianping.ForShopList, "shop-1")
	for _, tt := range []struct {
		g    dianping.Grant
		want dianping.Notice
	}{
		{vouchers, dianping.Notice{ID: "msg-1", Type: "510001", Purpose: dianping.ForVouchers, ShopID: "shop-2"}},
		{list, dianping.Notice{ID: "msg-2", Type: "510001", Purpose: dianping.ForShopList, CustomerID: "customer-1"}},
	} {
		s.clock.Add(time.Minute)
		s.ok(s.platform.RevokeSession(tt.g.AccessToken))
		got := <-heard
		if !got.Sent.Equal(s.clock.Now()) || !got.Unbound() {
			t.Errorf("sent %s", got.Sent)
		}
		got.Sent = time.Time{}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	s.ok(s.platform.Await(t.Context(), func() bool { return s.platform.Notices()[1].Taken }))
}
