package douyintest_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/douyin/douyintest"
)

// inbox takes notices.
type inbox struct {
	mu      sync.Mutex
	headers []http.Header
	bodies  []string
}

// serve answers the n-th message (from 0) as told.
func (in *inbox) serve(t *testing.T, answer func(n int, body string) (int, string)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		in.mu.Lock()
		n := len(in.bodies)
		in.headers, in.bodies = append(in.headers, q.Header), append(in.bodies, string(body))
		in.mu.Unlock()
		status, text := answer(n, string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func taken(int, string) (int, string) { return 200, "" }

// waits records the pauses instead of making them.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return ctx.Err()
}

// allTaken says whether n notices were made and taken.
func (r *rig) allTaken(n int) func() bool {
	return func() bool {
		all := r.p.Notices()
		return len(all) == n && !slices.ContainsFunc(all, func(n douyintest.Notice) bool { return !n.Taken })
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	in := &inbox{}
	url := in.serve(t, taken)
	r := setup(t, func(o *douyintest.Options) { o.NoticeURL = url })
	v := r.sell(douyintest.Voucher{})
	_, a := r.consume(v.Code, 1)
	r.await(r.allTaken(1))
	r.want(r.do("cancel", undo(a, 0)), "ok")
	r.await(r.allTaken(2))
	r.consume(v.Code, 1)
	r.await(r.allTaken(3))
	r.ok(r.p.SetState(v.Code, douyintest.Refunded)) // after use
	r.await(r.allTaken(4))
	held := r.sell(douyintest.Voucher{Hold: &douyintest.Hold{}})
	got := r.prepare(held.Code)
	r.want(r.do("verify", got.verify(got.encrypted[0])), "1229")
	r.same(len(r.p.Notices()), 4)
	r.ok(r.p.EndHold(held.Code, true))
	r.await(r.allTaken(5))

	for i, want := range []string{"verify", "verify_cancel", "verify", "refund_success", "verify"} {
		var message struct{ Event, Client_key, Content, Msg_id string }
		r.ok(json.Unmarshal([]byte(in.bodies[i]), &message))
		sum := sha1.Sum([]byte(clientSecret + in.bodies[i]))
		h := in.headers[i]
		r.same([]string{message.Event, message.Client_key, h.Get("X-Douyin-Signature"), h.Get("Msg-Id")},
			[]string{"life_trade_certificate_notify", clientKey, hex.EncodeToString(sum[:]), message.Msg_id})
		certificate := v
		if i == 4 {
			certificate = held
		}
		r.same(message.Content, fmt.Sprintf(`{"action":"%s","certificate":{"account_id":"%s","certificate_id":"%s","order_id":"%s"},"msg_time":%d}`,
			want, v.Account, certificate.CertificateID, certificate.OrderID, r.clock.Now().Unix()))
		n := r.p.Notices()[i]
		r.same([]any{n.ID, n.Action, n.Attempts}, []any{message.Msg_id, want, 1})
	}
	r.ok(r.p.RepeatNotice("msg-1"))
	r.await(func() bool { return r.p.Notices()[0].Attempts == 2 })
	r.same(in.headers[5].Get("Msg-Id"), "msg-1")
	if r.p.RepeatNotice("msg-9") == nil {
		t.Error("repeated what is not")
	}
}

// A notice is posted once and three times more.
func TestNoticeRetries(t *testing.T) {
	t.Parallel()
	in, w := &inbox{}, &waits{}
	url := in.serve(t, func(int, string) (int, string) { return 500, "" })
	r := setup(t, func(o *douyintest.Options) { o.NoticeURL, o.Sleep = url, w.sleep })
	v := r.sell(douyintest.Voucher{})
	r.ok(r.p.ConsumeElsewhere(v.Code, "店长"))
	r.await(func() bool { return r.p.Notices()[0].Attempts == 4 })
	r.p.Close() // waits for all posting
	n := r.p.Notices()[0]
	r.same([]any{n.Attempts, n.Taken, w.all}, []any{4, false, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}})
	r.same(in.bodies[3], in.bodies[0])
}

// The URL has to give the challenge back.
func TestHandshake(t *testing.T) {
	t.Parallel()
	r := setup(t)
	in := &inbox{}
	echo := in.serve(t, func(_ int, body string) (int, string) {
		var message struct {
			Event, Client_key string
			Content           struct{ Challenge int }
		}
		if json.Unmarshal([]byte(body), &message) != nil || message.Event != "verify_webhook" || message.Client_key != "" {
			return 200, "{}"
		}
		return 200, fmt.Sprintf(`{"challenge":%d}`, message.Content.Challenge)
	})
	r.ok(r.p.Subscribe(t.Context(), echo))
	r.ok(r.p.ConsumeElsewhere(r.sell(douyintest.Voucher{}).Code, "店长"))
	r.await(r.allTaken(1))
	for _, answer := range []string{`{}`, `{"challenge":1}`, ``, `ok`} {
		wrong := (&inbox{}).serve(t, func(int, string) (int, string) { return 200, answer })
		if err := r.p.Subscribe(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "handshake") {
			t.Errorf("took %q: %v", answer, err)
		}
	}
	if r.p.Subscribe(t.Context(), "http://127.0.0.1:1/") == nil {
		t.Error("took a URL that nobody answers")
	}
}

func knobNotices(r *rig) {
	in := &inbox{}
	url := in.serve(r.T, taken)
	r.same(len(r.p.Notices()), 0)
	r = setup(r.T, func(o *douyintest.Options) { o.NoticeURL = url })
	made := 0
	next := func(turn func(*douyintest.Knobs)) (signature, body string) {
		r.ok(r.p.SetKnobs(douyintest.Knobs{}))
		r.knobs(turn)
		r.ok(r.p.ConsumeElsewhere(r.sell(douyintest.Voucher{}).Code, "店长"))
		made++
		r.await(r.allTaken(made))
		return in.headers[made-1].Get("X-Douyin-Signature"), in.bodies[made-1]
	}
	signature, body := next(func(k *douyintest.Knobs) { k.NoticeSignature = douyintest.SignatureWrong })
	sum := sha1.Sum([]byte(clientSecret + body))
	if len(signature) != 40 || signature == hex.EncodeToString(sum[:]) {
		r.Errorf("signature %q", signature)
	}
	signature, _ = next(func(k *douyintest.Knobs) { k.NoticeSignature = douyintest.SignatureAbsent })
	r.same(signature, "")
	_, body = next(func(k *douyintest.Knobs) { k.NoticeContent = douyintest.ContentObject })
	if !strings.Contains(body, `"content":{"action":"verify"`) {
		r.Errorf("body %s", body)
	}
	r.knobs(func(k *douyintest.Knobs) { k.Notices = douyintest.NoticesLost })
	r.ok(r.p.ConsumeElsewhere(r.sell(douyintest.Voucher{}).Code, "店长"))
	r.ok(r.p.RepeatNotice("msg-4")) // only this posts it
	r.await(r.allTaken(4))
	r.same([]int{r.p.Notices()[3].Attempts, len(in.bodies)}, []int{1, 4})
}

func knobNoticeIDs(r *rig) {
	in := &inbox{}
	url := in.serve(r.T, taken)
	r = setup(r.T, func(o *douyintest.Options) { o.NoticeURL = url })
	r.knobs(func(k *douyintest.Knobs) { k.NoticeIDs = douyintest.NoticeIDAction })
	v, other := r.sell(douyintest.Voucher{}), r.sell(douyintest.Voucher{})
	for i, do := range []func() error{
		func() error { return r.p.ConsumeElsewhere(v.Code, "店长") },
		func() error { return r.p.UndoElsewhere(v.Code, "店长") },
		func() error { return r.p.ConsumeElsewhere(v.Code, "店长") },
		func() error { return r.p.ConsumeElsewhere(other.Code, "店长") },
	} {
		r.ok(do())
		r.await(r.allTaken(i + 1))
	}
	id := func(i int) string { return in.headers[i].Get("Msg-Id") }
	r.same([]bool{id(0) == id(2), id(0) == id(1), id(0) == id(3)}, []bool{true, false, false})
	if !strings.Contains(in.bodies[2], id(0)) {
		r.Errorf("body %s", in.bodies[2])
	}
}

func knobNoticeShops(r *rig) {
	in := &inbox{}
	url := in.serve(r.T, taken)
	for i, poi := range []string{shopA, ""} {
		r := setup(r.T, func(o *douyintest.Options) { o.NoticeURL = url })
		if poi == "" {
			r.knobs(func(k *douyintest.Knobs) { k.NoticeShops = douyintest.NoticeShopAbsent })
		}
		r.ok(r.p.Authorize(douyintest.DefaultAccount, true)) // as it was: nothing to tell
		r.same(len(r.p.Notices()), 0)
		r.ok(r.p.Authorize(douyintest.DefaultAccount, false))
		r.ok(r.p.Authorize(douyintest.DefaultAccount, true))
		all := r.p.Notices()
		r.await(r.allTaken(len(all)))
		r.same([]any{all[0].Event, all[0].AccountID, all[0].ShopID}, []any{"life_saas_cooperate_auth_with_bind", douyintest.DefaultAccount, poi})
		if want := `\"poi_id\":\"` + poi + `\"`; !slices.ContainsFunc(in.bodies, func(body string) bool { return strings.Contains(body, want) }) {
			r.Errorf("%d: no body with %s: %s", i, want, in.bodies)
		}
	}
}
