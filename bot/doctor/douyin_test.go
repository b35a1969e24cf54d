package doctor

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"yanquan/douyin/douyintest"
)

const poi = "7000000000000000001"

// What Douyin would refuse is found before a customer stands there.
func TestDouyin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := douyintest.New(douyintest.Options{ClientKey: "aw1", ClientSecret: "client-secret"})
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	if err := p.AddShop(douyintest.Shop{ID: poi, Name: "抖音人民广场店"}); err != nil {
		t.Fatal(err)
	}
	section := "\ndouyin: {api_url: '" + srv.URL + "', client_key: aw1, client_secret: client-secret, account_id: '" + douyintest.DefaultAccount + "'}\nstores: [{"
	with := func(edit ...string) []string {
		return append([]string{"session: t,", "session: t, accounts: [{platform: douyin, shop_id: '" + poi + "'}],"}, edit...)
	}
	base := with("\nstores: [{", section)
	url := w.serve(t, base...)

	fine, text := check(t, w.config(t, url, base...), Options{})
	if !fine {
		t.Errorf("not fine:\n%s", text)
	}
	for _, want := range []string{
		"✓ clock: agrees with douyin", "✓ douyin: access token fetched", "✓ douyin: store 人民广场店 at douyin (抖音人民广场店): vouchers can be looked up",
		"✓ notices " + url + "/auth/douyin/notice: the challenge is answered",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "client-secret") {
		t.Errorf("shows the secret:\n%s", text)
	}
	if n := len(p.Tokens()); n != 1 {
		t.Errorf("%d access tokens: doctor's own would end that of serve", n)
	}

	for name, tt := range map[string]struct {
		edit      []string
		withhold  string
		want, fix string
	}{
		"secret":     {with("\nstores: [{", strings.Replace(section, "client-secret", "wrong-secret", 1), "aw1", "aw2", "yanquan.db", "other.db"), "", "✗ douyin: no access token", "check client_key and client_secret"},
		"shop":       {[]string{"session: t,", "session: t, accounts: [{platform: douyin, shop_id: '7009'}],", "\nstores: [{", section, "yanquan.db", "another.db"}, "", "✗ douyin: store 人民广场店 at douyin", "poi_id"},
		"capability": {base, "prepare", "✗ douyin: store 人民广场店 at douyin: vouchers cannot be verified", "团购核销"},
		"records":    {base, "verify_record", "✗ douyin: store 人民广场店 at douyin: verifications cannot be listed", "团购核销对账"},
		"database":   {append(base, "secret_key: "+testKey, "secret_key: Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="), "", "✗ douyin: not looked at", "mend the database first"},
	} {
		if tt.withhold != "" {
			if err := p.Grant(tt.withhold, false); err != nil {
				t.Fatal(err)
			}
		}
		fine, text := check(t, w.config(t, url, tt.edit...), Options{})
		if fine || !strings.Contains(text, tt.want) || !strings.Contains(text, tt.fix) {
			t.Errorf("%s: want %q and %q:\n%s", name, tt.want, tt.fix, text)
		}
		if strings.Contains(text, "wrong-secret") {
			t.Errorf("%s: shows the secret:\n%s", name, text)
		}
		if tt.withhold != "" {
			if err := p.Grant(tt.withhold, true); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// From another folder than that of serve a relative dsn leads to no database. A token
// fetched there would end that of serve.
func TestDouyinFromAnotherFolder(t *testing.T) {
	w := newWorld(t)
	p := douyintest.New(douyintest.Options{ClientKey: "aw1", ClientSecret: "client-secret"})
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	section := "\ndouyin: {api_url: '" + srv.URL + "', client_key: aw1, client_secret: client-secret}\nstores: [{"
	path := w.config(t, "http://127.0.0.1:1", "\nstores: [{", section, filepath.Join(w.dir, "yanquan.db"), "yanquan.db")
	t.Chdir(t.TempDir())
	if _, text := check(t, path, Options{}); !strings.Contains(text, "✗ douyin: not looked at: ") || len(p.Tokens()) != 0 {
		t.Errorf("%d tokens:\n%s", len(p.Tokens()), text)
	}
}
