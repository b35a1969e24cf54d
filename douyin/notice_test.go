package douyin

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// signed gives the headers of a notice.
func signed(secret, body, id string) http.Header {
	sum := sha1.Sum([]byte(secret + body))
	h := http.Header{"X-Douyin-Signature": {hex.EncodeToString(sum[:])}}
	if id != "" {
		h.Set("Msg-Id", id)
	}
	return h
}

func noticed(t *testing.T) *Client {
	t.Helper()
	c, err := New(Config{ClientKey: testKey, ClientSecret: testSecret})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const certificateNotice = `{"event":"life_trade_certificate_notify","client_key":"aw1","from_user_id":"f6e35c98","content":"{\"action\": \"verify\",\"msg_time\": 1665991178,\"certificate\": {\"certificate_id\": \"456\",\"order_id\": 123,\"account_id\": \"1234\"}}","log_id":"20221010","msg_id":"m1"}`

func TestReadNotice(t *testing.T) {
	t.Parallel()
	c := noticed(t)
	full := Notice{ID: "id1", Event: EventCertificate, TraceID: "20221010", Action: ActionVerify, Sent: time.Unix(1665991178, 0).In(beijing), CertificateID: "456", OrderID: "123", AccountID: "1234"}
	header := signed(testSecret, certificateNotice, "id1")
	full.Digest = header.Get("X-Douyin-Signature")
	n, err := c.ReadNotice(header, []byte(certificateNotice))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full, n); diff != "" {
		t.Error(diff)
	}
	header.Set("X-Douyin-Signature", strings.ToUpper(full.Digest))
	if _, err := c.ReadNotice(header, []byte(certificateNotice)); err != nil {
		t.Errorf("capitals: %v", err)
	}
	if n, _ := c.ReadNotice(signed(testSecret, certificateNotice, ""), []byte(certificateNotice)); n.ID != "m1" {
		t.Errorf("without the header: %q", n.ID)
	}
	bare := strings.Replace(certificateNotice, `,"msg_id":"m1"`, "", 1)
	if n, _ := c.ReadNotice(signed(testSecret, bare, ""), []byte(bare)); n.ID == "" || n.ID != n.Digest {
		t.Errorf("without an id: %q", n.ID)
	}
	for _, action := range []string{ActionCancel, ActionRefunded, "something_new"} {
		body := strings.Replace(certificateNotice, `\"verify\"`, `\"`+action+`\"`, 1)
		if n, err := c.ReadNotice(signed(testSecret, body, "2"), []byte(body)); err != nil || n.Action != action {
			t.Errorf("%s: %+v %v", action, n, err)
		}
	}
	object := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(certificateNotice, `\"`, `"`), `"{`, `{`), `}"`, `}`)
	if n, err := c.ReadNotice(signed(testSecret, object, "3"), []byte(object)); err != nil || n.CertificateID != "456" {
		t.Errorf("content as an object: %+v %v", n, err)
	}
	bind := `{"event":"life_saas_cooperate_auth_with_bind","content":"{\"account_id\":\"7\",\"solution_key\":\"16\",\"permission_keys\":\"1,16\",\"out_shop_id\":\"s1\",\"poi_id\":\"9\"}"}`
	if n, err := c.ReadNotice(signed(testSecret, bind, "4"), []byte(bind)); err != nil || n.Event != EventAuthorized || n.AccountID != "7" || n.OutShopID != "s1" || n.ShopID != "9" {
		t.Errorf("%+v %v", n, err)
	}
}

func TestNoticesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	c := noticed(t)
	for name, header := range map[string]http.Header{
		"none": {}, "empty": {"X-Douyin-Signature": {""}}, "another secret": signed("x", certificateNotice, "1"), "another body": signed(testSecret, certificateNotice+" ", "1"),
	} {
		if _, err := c.ReadNotice(header, []byte(certificateNotice)); !errors.Is(err, ErrNotAuthentic) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, body := range []string{``, `x`, `[]`, `null`, `{}`, `{"event":null}`, `{"event":"x"} {}`} {
		if _, err := c.ReadNotice(signed(testSecret, body, "1"), []byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", body, err)
		}
		if _, err := c.ReadNotice(http.Header{}, []byte(body)); !errors.Is(err, ErrNotAuthentic) {
			t.Errorf("%s, not signed: %v", body, err)
		}
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	c := noticed(t)
	for _, tt := range []struct{ content, answer string }{
		{`{"challenge":12345}`, `{"challenge":12345}`},
		{`{"challenge":9007199254740993}`, `{"challenge":9007199254740993}`},
		{`{"challenge":"12345"}`, `{"challenge":"12345"}`},
		{`"{\"challenge\":12345}"`, `{"challenge":12345}`},
		{`{"challenge":"<script>"}`, ``}, {`{"challenge":[1]}`, ``}, {`{"challenge":null}`, ``}, {`{}`, ``}, {`7`, ``},
		{`{"challenge":"` + strings.Repeat("1", 129) + `"}`, ``},
	} {
		body := fmt.Sprintf(`{"event":"verify_webhook","client_key":"","content":%s}`, tt.content)
		n, err := c.ReadNotice(http.Header{}, []byte(body))
		if string(n.Answer) != tt.answer || (err != nil) != (tt.answer == "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %s %v", body, n.Answer, err)
		}
		if n.ID != "" || n.Action != "" || n.Digest != "" {
			t.Errorf("%s says more than it may, not signed: %+v", body, n)
		}
	}
}

func FuzzReadNotice(f *testing.F) {
	c, err := New(Config{ClientKey: testKey, ClientSecret: testSecret})
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{certificateNotice, `{"event":"verify_webhook","content":{"challenge":12345}}`, `{"event":"x","content":"["}`, `{`} {
		f.Add([]byte(body), "1", true)
	}
	f.Add([]byte(certificateNotice), "\x11", true)
	f.Fuzz(func(t *testing.T, body []byte, id string, sign bool) {
		header := http.Header{"Msg-Id": {id}}
		if sign {
			header = signed(testSecret, string(body), id)
		}
		n, err := c.ReadNotice(header, body)
		switch {
		case err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNotAuthentic):
			t.Errorf("%v", err)
		case err == nil && n.Answer == nil && (!sign || n.ID == "" || n.Digest == "" || n.Event == ""):
			t.Errorf("taken: %+v", n)
		case n.Answer != nil && (n.ID != "" || len(n.Answer) > 200 || strings.ContainsAny(string(n.Answer), "<>&")):
			t.Errorf("answers %s", n.Answer)
		}
	})
}
