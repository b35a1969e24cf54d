package dianping

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// signedNotice is an unbinding with some fields set anew; "" leaves one out.
func signedNotice(change ...string) url.Values {
	fields := with(map[string]string{
		"developerId": "100000", "businessId": "58", "opBizCode": "shop-1", "msgType": "510001", "msgId": "m1",
		"timestamp": "1711592316", "message": `{"opBizCode":"shop-1"}`,
	}, change...)
	if fields["sign"] == "" {
		fields["sign"] = SignSHA1(testSecret, fields)
	}
	form := url.Values{}
	for name, value := range fields {
		if value != "" {
			form.Set(name, value)
		}
	}
	return form
}

func TestReadNotice(t *testing.T) {
	t.Parallel()
	sent := time.Unix(1711592316, 0).In(beijing)
	want := Notice{ID: "m1", Type: "510001", Purpose: ForVouchers, ShopID: "shop-1", Sent: sent}
	withoutID := signedNotice("msgId", "")
	changed := func(change func(*Notice)) Notice {
		n := want
		change(&n)
		return n
	}
	upper := signedNotice()
	upper.Set("sign", strings.ToUpper(upper.Get("sign")))
	tests := map[string]struct {
		form url.Values
		want Notice
	}{
		"unbinding":               {signedNotice(), want},
		"signature in upper case": {upper, want},
		"of the shop list": {signedNotice("businessId", "59", "opBizCode", "customer-1", "message", ""),
			changed(func(n *Notice) { n.Purpose, n.ShopID, n.CustomerID = ForShopList, "", "customer-1" })},
		"shop in the message":  {signedNotice("opBizCode", ""), want},
		"time in milliseconds": {signedNotice("timestamp", "1711592316000"), want},
		"without an id":        {withoutID, changed(func(n *Notice) { n.ID = withoutID.Get("sign") })},
		"a refund":             {signedNotice("msgType", "5810173"), changed(func(n *Notice) { n.Type = "5810173" })},
		"another business":     {signedNotice("businessId", "1"), Notice{ID: "m1", Type: "510001", Sent: sent}},
		"a field more":         {signedNotice("extra", "1"), want},
	}
	c := answering(t, 200, "").meituan(t)
	for name, tt := range tests {
		got, err := c.ReadNotice(tt.form)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if ours := tt.want.Purpose != "" && tt.want.Type == "510001"; got.Unbound() != ours {
			t.Errorf("%s: unbound is %v", name, got.Unbound())
		}
	}
}

// TestW1Notice: the vector that a public client prints for a message of
// business 59.
func TestW1Notice(t *testing.T) {
	t.Parallel()
	form := url.Values{}
	for name, value := range map[string]string{
		"businessId": "59", "developerId": "123456", "message": `{"productId":1000}`, "msgId": "callback-1",
		"msgType": "5910003", "timestamp": "1711592316", "sign": "19e3e56e35030ae84f85122cdf5d73f5283bbef7",
	} {
		form.Set(name, value)
	}
	c := answering(t, 200, "").meituan(t, func(cfg *MeituanConfig) { cfg.DeveloperID, cfg.SignKey = "123456", "test-sign-key" })
	if got, err := c.ReadNotice(form); err != nil || got.ID != "callback-1" || got.Type != "5910003" || got.Unbound() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNoticesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	twice := signedNotice()
	twice.Add("msgId", "m2")
	added := signedNotice()
	added.Set("opBizCode2", "x")
	tests := map[string]struct {
		form url.Values
		want error
	}{
		"empty":                 {url.Values{}, ErrNotAuthentic},
		"not signed":            {signedNotice("sign", "-"), ErrNotAuthentic},
		"signed with another":   {signedNotice("sign", strings.Repeat("0", 40)), ErrNotAuthentic},
		"of another developer":  {signedNotice("developerId", "100001"), ErrNotAuthentic},
		"a field added":         {added, ErrNotAuthentic},
		"a field twice":         {twice, ErrNotAuthentic},
		"no type":               {signedNotice("msgType", ""), ErrMalformed},
		"no time":               {signedNotice("timestamp", ""), ErrMalformed},
		"no time, text":         {signedNotice("timestamp", "soon"), ErrMalformed},
		"unbinding of nobody":   {signedNotice("opBizCode", "", "message", ""), ErrMalformed},
		"unbinding, message []": {signedNotice("opBizCode", "", "message", "[]"), ErrMalformed},
	}
	b := answering(t, 200, "")
	c := b.meituan(t)
	for name, tt := range tests {
		if got, err := c.ReadNotice(tt.form); !errors.Is(err, tt.want) || got != (Notice{}) {
			t.Errorf("%s: got %+v, %v; want %v", name, got, err, tt.want)
		}
	}
	if _, err := b.dianping(t).ReadNotice(signedNotice()); !errors.Is(err, Unsupported) {
		t.Errorf("first generation: got %v", err)
	}
}

// FuzzReadNotice: nothing panics, nothing is taken that was not signed as it
// stands, and changing any field of what is taken makes it not authentic.
func FuzzReadNotice(f *testing.F) {
	for _, form := range []url.Values{
		signedNotice(), signedNotice("msgId", ""), signedNotice("businessId", "59", "opBizCode", ""),
		signedNotice("message", `{"opBizCode":{"x":[]}}`), signedNotice("timestamp", "1e99"), {"a": {"b", "c"}},
	} {
		f.Add(form.Encode(), true)
		f.Add(form.Encode(), false)
	}
	cfg := MeituanConfig{APIURL: "https://h", DeveloperID: "100000", SignKey: testSecret}
	f.Fuzz(func(t *testing.T, text string, sign bool) {
		c, err := NewMeituan(cfg)
		if err != nil {
			t.Fatal(err)
		}
		form, err := url.ParseQuery(text)
		if err != nil {
			return // not a form
		}
		fields := map[string]string{}
		for name, values := range form {
			fields[name] = values[0]
		}
		if sign {
			fields["sign"] = SignSHA1(testSecret, fields)
			form.Set("sign", fields["sign"])
		}
		n, err := c.ReadNotice(form)
		if err != nil {
			if n != (Notice{}) || !errors.Is(err, ErrNotAuthentic) && !errors.Is(err, ErrMalformed) {
				t.Errorf("got %+v, %v", n, err)
			}
			return
		}
		if !strings.EqualFold(fields["sign"], SignSHA1(testSecret, fields)) || n.ID == "" || n.Type == "" || n.Sent.IsZero() {
			t.Errorf("taken: %+v of %v", n, form)
		}
		if n.Unbound() && (n.ShopID == "") == (n.CustomerID == "") {
			t.Errorf("an unbinding of %q and %q", n.ShopID, n.CustomerID)
		}
		for name := range form {
			if name == "sign" || form.Get(name) == "" {
				continue
			}
			was := form.Get(name)
			form.Set(name, was+"x")
			if _, err := c.ReadNotice(form); !errors.Is(err, ErrNotAuthentic) {
				t.Errorf("%s changed: got %v", name, err)
			}
			form.Set(name, was)
		}
	})
}
