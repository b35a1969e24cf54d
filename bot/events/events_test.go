package events_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/platform"
	"yanquan/douyin"
	"yanquan/douyin/douyintest"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// A refund after use is told to who manages the store, once, and counts on its day.
func TestRefundAfterUse(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 2)
		op := r.consume(0, v[0].Code, 1)
		r.state(op, models.Done)
		r.clock.Advance(time.Hour)
		r.set(v[0].Code, douyintest.Refunded)
		card := r.tells("boss", "lisi")
		r.says(card, "顾客退款了", "人民广场店", v[0].Code, "双人下午茶", "¥49.90", "张三", "14:00:00", "钱退给了顾客")
		want := []models.Refund{{
			Platform: platform.DouyinName, CertificateID: v[0].CertificateID, StoreID: op.StoreID, OperationID: op.ID, Code: v[0].Code,
			OrderID: v[0].OrderID, Title: "双人下午茶", PriceFen: 4990, RefundedAt: r.clock.Now().Truncate(time.Second),
		}}
		if diff := cmp.Diff(want, r.refunds()); diff != "" {
			r.Error(diff)
		}
		for _, n := range r.platform.Notices() {
			r.must(r.platform.RepeatNotice(n.ID))
		}
		r.must(r.platform.Await(r.Context(), func() bool { return r.platform.Notices()[1].Attempts == 2 }))
		r.tells("boss", "lisi")
		if len(r.refunds()) != 1 {
			r.Errorf("refunds %v", r.refunds())
		}
		r.state(op, models.Done)
	})
}

// What was not used here, or is not used any more, costs no shop anything.
func TestRefundsThatConcernNobody(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 3)
		op := r.consume(0, v[0].Code, 1)
		r.undo(op)
		r.state(op, models.Undone)
		r.must(r.platform.ConsumeElsewhere(v[1].Code, "店长"))
		for _, one := range append(v, r.sell(douyintest.Voucher{}, 1)...) {
			r.set(one.Code, douyintest.Refunded)
		}
		r.tells()
		if len(r.refunds()) != 0 {
			r.Errorf("refunds %v", r.refunds())
		}
	})
}

// Of several coupons only those count that stand.
func TestRefundOfOneOfTwo(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 2)
		op := r.consume(0, v[0].Code, 2)
		r.state(op, models.Done)
		r.must(r.platform.CloseUndo(v[1].Code))
		r.undo(op)
		r.state(op, models.Done) // one was undone
		r.set(v[0].Code, douyintest.Refunded)
		r.tells()
		r.set(v[1].Code, douyintest.Refunded)
		r.tells("boss", "lisi")
		if list := r.refunds(); len(list) != 1 || list[0].CertificateID != v[1].CertificateID {
			r.Errorf("refunds %v", list)
		}
	})
}

// verified is an operation as the journal has it, whatever the platform told of the coupon.
func (r *rig) verified(account int64, code, order, handle string) models.Operation {
	r.Helper()
	op, err := r.db.Journal.Begin(r.Context(), models.Operation{
		StoreID: account, Code: code, Count: 1, OrderID: order, UserID: "zhangsan", User: "张三", Title: "下午茶", PriceFen: 100, CalledAt: r.clock.Now(),
	}, r.asked())
	r.must(err)
	op, err = r.db.Journal.FinishConsume(r.Context(), op, []models.Coupon{{Code: code, OrderID: order, PriceFen: 100, Handle: handle}})
	r.must(err)
	return op
}

// A coupon of whose use the platform did not tell the id may be that of its order; one
// whose id is told is not. Another platform may have the same number.
func TestRefundByOrder(t *testing.T) {
	everywhere(t, func(r *rig) {
		m, err := r.db.Directory.Stores(r.Context())
		r.must(err)
		r.must(r.db.Directory.Sync(r.Context(), []models.ConfiguredStore{{Platform: "meituan", ShopID: "m", Name: "美团店", Staff: []models.Member{{UserID: "zhaoliu", Role: models.RoleManager}}}}))
		all, err := r.db.Directory.Stores(r.Context())
		r.must(err)
		other := all[len(all)-1]
		if other.Platform != "meituan" {
			r.Fatalf("stores %v", all)
		}
		r.verified(other.ID, "1", "o", "")
		r.verified(m[0].ID, "2", "o", "use/another")
		post := func(certificate string) {
			r.Helper()
			if s := r.post(0, certificateMessage(douyin.ActionRefunded, douyintest.Voucher{OrderID: "o", CertificateID: certificate}, r.clock.Now()), certificate); s != 200 {
				r.Errorf("status %d", s)
			}
		}
		post("c1")
		r.tells()
		op := r.verified(m[0].ID, "3", "o", "")
		post("c2")
		r.says(r.tells("boss", "lisi"), "下午茶", "¥1.00")
		if list := r.refunds(); len(list) != 1 || list[0].OperationID != op.ID || list[0].Code != "3" {
			r.Errorf("refunds %v", list)
		}
	})
}

// A coupon whose id is not known is refunded once, however many coupons of its order are,
// and at the same time.
func TestRefundsByOrder(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.verified(r.stores[0].ID, "1", "o", "")
		var wg sync.WaitGroup
		var status [4]int
		for i := range status {
			v := douyintest.Voucher{OrderID: "o", CertificateID: fmt.Sprintf("c%d", i)}
			wg.Go(func() {
				status[i] = r.post(i%2, certificateMessage(douyin.ActionRefunded, v, r.clock.Now()), v.CertificateID)
			})
		}
		wg.Wait()
		if status != [4]int{200, 200, 200, 200} {
			r.Errorf("status %v", status)
		}
		r.tells("boss", "lisi")
		if list := r.refunds(); len(list) != 1 {
			r.Errorf("refunds %v", list)
		}
		second := r.verified(r.stores[0].ID, "2", "o", "")
		r.post(0, certificateMessage(douyin.ActionRefunded, douyintest.Voucher{OrderID: "o", CertificateID: "c9"}, r.clock.Now()), "c9")
		if list := r.refunds(); len(list) != 2 || list[0].OperationID != second.ID && list[1].OperationID != second.ID {
			r.Errorf("refunds %v", list)
		}
	})
}

// A verification whose outcome is not known may be one; it is asked about, and the refund
// counts once the verification does.
func TestRefundInDoubt(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 2)
		r.must(r.platform.Fail(douyintest.Fault{Kind: douyintest.ApplyThenDrop, Call: "verify"}))
		r.must(r.platform.Fail(douyintest.Fault{Kind: douyintest.Status5xx, Call: "query", Times: 5}))
		op := r.consume(0, v[0].Code, 1)
		r.state(op, models.Unknown)
		r.set(v[1].Code, douyintest.Refunded) // another of its order
		r.tells()
		r.set(v[0].Code, douyintest.Refunded)
		card := r.tells("boss", "lisi")
		r.says(card, "它的核销还没有结果", v[0].Code, "¥49.90")
		r.platform.ClearFaults()
		for range 60 {
			r.pass()
			r.clock.Advance(time.Second)
		}
		r.state(op, models.Done)
		if list := r.refunds(); len(list) != 1 || list[0].OperationID != op.ID {
			r.Errorf("refunds %v", list)
		}
	})
}

// A 次卡 that several stores have used concerns all of them, and counts once. How much of
// it was refunded is not known.
func TestRefundOfPass(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{Title: "十次卡", Price: 50000, Visits: 10}, 1)[0]
		r.state(r.consume(0, v.Code, 2), models.Done)
		r.state(r.consume(1, v.Code, 1), models.Done)
		r.set(v.Code, douyintest.Refunded)
		r.posted()
		told := r.told()
		if len(told["boss"]) != 1 || len(told["lisi"]) != 1 || len(told["wangwu"]) != 1 || len(told) != 3 {
			r.Fatalf("told %v", told)
		}
		r.says(told["lisi"][0], "人民广场店", "十次卡", "金额不详", "平台没有说")
		r.says(told["wangwu"][0], "徐家汇店")
		if list := r.refunds(); len(list) != 1 || list[0].PriceFen != 0 || !list[0].PriceUnknown {
			r.Errorf("refunds %v", list)
		}
	})
}

// What is not signed is refused, and what is repeated with the right signature is taken,
// however its content is written.
func TestSignatures(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 1)[0]
		r.consume(0, v.Code, 1)
		r.posted()
		for _, c := range []douyintest.Choice{douyintest.SignatureWrong, douyintest.SignatureAbsent} {
			r.must(r.platform.SetKnobs(douyintest.Knobs{NoticeSignature: c}))
			if c == douyintest.SignatureWrong {
				r.set(v.Code, douyintest.Refunded)
			} else {
				r.must(r.platform.RepeatNotice(r.last().ID))
			}
			want := 4 * map[douyintest.Choice]int{douyintest.SignatureWrong: 1, douyintest.SignatureAbsent: 2}[c]
			r.must(r.platform.Await(r.Context(), func() bool { return r.last().Attempts == want }))
			r.tells()
		}
		r.must(r.platform.SetKnobs(douyintest.Knobs{NoticeContent: douyintest.ContentObject}))
		r.must(r.platform.RepeatNotice(r.last().ID))
		r.must(r.platform.Await(r.Context(), func() bool { return r.last().Taken }))
		r.tells("boss", "lisi")
		if log := r.log.String(); strings.Contains(log, secret) || strings.Count(log, "status=401") != 8 {
			r.Errorf("the log:\n%s", log)
		}
	})
}

func (r *rig) last() douyintest.Notice {
	all := r.platform.Notices()
	return all[len(all)-1]
}

// What cannot be stored is not taken, and told when it comes again.
func TestNotStored(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 1)[0]
		r.consume(0, v.Code, 1)
		r.posted()
		gone := modelstest.SQLite(r.T)
		client, err := douyin.New(douyin.Config{APIURL: "http://127.0.0.1:1", ClientKey: "key", ClientSecret: secret})
		r.must(err)
		r.must(r.platform.Subscribe(r.Context(), r.serve(gone, client))) // the handshake needs no database
		r.must(gone.Close())
		r.set(v.Code, douyintest.Refunded)
		r.must(r.platform.Await(r.Context(), func() bool { return r.last().Attempts == 4 }))
		if r.last().Taken || strings.Count(r.log.String(), "status=503") != 4 {
			r.Errorf("taken %v:\n%s", r.last().Taken, r.log)
		}
		r.must(r.platform.Subscribe(r.Context(), r.urls[1]))
		r.must(r.platform.RepeatNotice(r.last().ID))
		r.must(r.platform.Await(r.Context(), func() bool { return r.last().Taken }))
		r.tells("boss", "lisi")
	})
}

// message is a signed POST.
func message(body, id string) *http.Request {
	sum := sha1.Sum([]byte(secret + body))
	req, err := http.NewRequest(http.MethodPost, "", bytes.NewReader([]byte(body)))
	if err != nil {
		panic(err)
	}
	req.Header.Set("X-Douyin-Signature", hex.EncodeToString(sum[:]))
	req.Header.Set("Msg-Id", id)
	return req
}

func certificateMessage(action string, v douyintest.Voucher, at time.Time) string {
	return fmt.Sprintf(`{"event":"life_trade_certificate_notify","client_key":"key","content":"{\"action\":\"%s\",\"msg_time\":%d,\"certificate\":{\"certificate_id\":\"%s\",\"order_id\":\"%s\",\"account_id\":\"1\"}}"}`,
		action, at.Unix(), v.CertificateID, v.OrderID)
}

// post gives the status.
func (r *rig) post(replica int, body, id string) int {
	r.Helper()
	req := message(body, id).WithContext(r.Context())
	u, err := req.URL.Parse(r.urls[replica])
	r.must(err)
	req.URL, req.Host = u, u.Host
	resp, err := http.DefaultClient.Do(req)
	r.must(err)
	r.must(resp.Body.Close())
	return resp.StatusCode
}

// Replicas that get the same message at once take it once. A repeat of a refund by
// another id, which is not signed, is no other refund.
func TestTakenOnce(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 1)[0]
		r.consume(0, v.Code, 1)
		r.posted()
		body := certificateMessage(douyin.ActionRefunded, v, r.clock.Now())
		var wg sync.WaitGroup
		var status [8]int
		for i := range status {
			wg.Go(func() { status[i] = r.post(i%2, body, fmt.Sprintf("m%d", i/4)) })
		}
		wg.Wait()
		if status != [8]int{200, 200, 200, 200, 200, 200, 200, 200} {
			r.Errorf("status %v", status)
		}
		r.tells("boss", "lisi")
		r.must(r.db.Directory.SetMember(r.Context(), models.Member{StoreID: r.stores[0].ID, UserID: "sunqi", Role: models.RoleManager}))
		if s := r.post(0, body, "later"); s != 200 {
			r.Errorf("status %d", s)
		}
		r.tells("boss", "lisi") // and not who came since
		if len(r.refunds()) != 1 {
			r.Errorf("refunds %v", r.refunds())
		}
	})
}

// What is verified by risk control, or undone, is found out at once although it would be
// asked about only later; the message itself decides nothing.
func TestAsked(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{Hold: &douyintest.Hold{}}, 1)[0]
		op := r.consume(0, v.Code, 1)
		r.waits(op)
		// Said, and not so.
		if s := r.post(0, certificateMessage(douyin.ActionVerify, v, r.clock.Now()), "early"); s != 200 {
			r.Errorf("status %d", s)
		}
		r.pass()
		r.waits(op)
		r.must(r.platform.EndHold(v.Code, true))
		r.posted()
		if due := r.now(op).DueAt; due.After(r.clock.Now()) {
			r.Errorf("due at %s", due)
		}
		r.pass()
		r.state(op, models.Done)
		r.tells()
	})
}

// waits lets time pass until an operation is asked about only later.
func (r *rig) waits(op models.Operation) {
	r.Helper()
	for range 200 {
		if r.now(op).DueAt.Sub(r.clock.Now()) > lease {
			return
		}
		r.clock.Advance(30 * time.Second)
		r.pass()
	}
	r.Fatal("it is over, or always asked about soon")
}

// The same happens again to a coupon, and the platform gives it the same Msg-Id.
func TestAskedAgain(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.must(r.platform.SetKnobs(douyintest.Knobs{NoticeIDs: douyintest.NoticeIDAction}))
		v := r.sell(douyintest.Voucher{Visits: 3}, 1)[0]
		due := func(op models.Operation) bool { return !r.now(op).DueAt.After(r.clock.Now()) }
		waits := func(code string) models.Operation {
			op, err := r.db.Journal.Begin(r.Context(), models.Operation{StoreID: 1, Code: code, Count: 1, OrderID: v.OrderID}, r.asked())
			r.must(err)
			op.DueAt = r.clock.Now().Add(time.Hour)
			op, err = r.db.Journal.DoubtConsume(r.Context(), op)
			r.must(err)
			return op
		}
		first := waits("1")
		r.must(r.platform.ConsumeElsewhere(v.Code, "店长"))
		r.posted()
		second := waits("2")
		r.must(r.platform.RepeatNotice("msg-1"))
		r.must(r.platform.Await(r.Context(), func() bool { return r.last().Attempts == 2 }))
		if !due(first) || due(second) {
			r.Errorf("due: %v, by a repeat %v", due(first), due(second))
		}
		r.clock.Advance(time.Minute)
		r.must(r.platform.ConsumeElsewhere(v.Code, "店长"))
		r.posted()
		if !due(second) {
			r.Error("what came later is taken for a repeat")
		}
	})
}

// A message that comes before the answer to our own call does not disturb it.
func TestBeforeOurAnswer(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 1)[0]
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		r.must(r.platform.Fail(douyintest.Fault{Kind: douyintest.ApplyThenHang, Call: "verify"}))
		taken := make(chan models.State, 1)
		r.until = make(chan struct{})
		go func() {
			defer close(r.until)
			_ = r.platform.Await(ctx, func() bool { return len(r.platform.Notices()) == 1 && r.last().Taken })
			ops, err := r.db.History.OfCode(ctx, v.Code)
			if err != nil || len(ops) != 1 || !ops[0].DueAt.After(r.clock.Now()) {
				taken <- ""
				return
			}
			taken <- ops[0].State
		}()
		op := r.consume(0, v.Code, 1)
		if state := <-taken; state != models.Calling {
			r.Errorf("when the message was taken it was %q, or anybody's", state)
		}
		for range 30 {
			r.pass()
			r.clock.Advance(time.Second)
		}
		r.state(op, models.Done)
		if got := r.platform.Effects(v.Code); got.Consumed != 1 {
			r.Errorf("consumed %d times", got.Consumed)
		}
		r.tells()
	})
}

// What is authentic and says nothing that we know is taken and left alone; what is not
// is refused.
func TestOdd(t *testing.T) {
	everywhere(t, func(r *rig) {
		v := r.sell(douyintest.Voucher{}, 1)[0]
		op := r.consume(0, v.Code, 1)
		r.posted()
		good := certificateMessage(douyin.ActionRefunded, v, r.clock.Now())
		for name, tt := range map[string]struct {
			body   string
			status int
		}{
			"another event":   {`{"event":"life_trade_order_notify","content":"{}"}`, 200},
			"another action":  {strings.ReplaceAll(good, "refund_success", "refund_begun"), 200},
			"no content":      {`{"event":"life_trade_certificate_notify"}`, 200},
			"broken content":  {`{"event":"life_trade_certificate_notify","content":"{"}`, 200},
			"no order":        {strings.ReplaceAll(good, v.OrderID, ""), 200},
			"no certificate":  {strings.ReplaceAll(good, v.CertificateID, ""), 200},
			"long order":      {strings.ReplaceAll(good, v.OrderID, strings.Repeat("1", 65)), 200},
			"nobody's order":  {strings.ReplaceAll(good, v.OrderID, "1"), 200},
			"nobody's coupon": {strings.ReplaceAll(good, v.CertificateID, "1"), 200},
			"no JSON":         {`x`, 400},
			"no event":        {`{}`, 400},
			"too long":        {strings.Repeat("x", 1<<20+1), 413},
			"no challenge":    {`{"event":"verify_webhook","content":{}}`, 400},
		} {
			if status := r.post(0, tt.body, name); status != tt.status {
				r.Errorf("%s: status %d, want %d", name, status, tt.status)
			}
		}
		r.tells()
		r.state(op, models.Done)
		if len(r.refunds()) != 0 {
			r.Errorf("refunds %v", r.refunds())
		}
		// A time that cannot be is ours.
		if s := r.post(0, strings.ReplaceAll(good, fmt.Sprint(r.clock.Now().Unix()), "99999999999"), "when"); s != 200 {
			r.Errorf("status %d", s)
		}
		if list := r.refunds(); len(list) != 1 || !list[0].RefundedAt.Equal(r.clock.Now()) {
			r.Errorf("refunds %v", list)
		}
	})
}

// Coupons whose codes the platform did not tell are refunded one by one, and beside one whose
// code is known.
func TestRefundsOfUntold(t *testing.T) {
	everywhere(t, func(r *rig) {
		op, err := r.db.Journal.Begin(r.Context(), models.Operation{
			StoreID: r.stores[0].ID, Code: "1", Count: 3, OrderID: "o", UserID: "zhangsan", User: "张三", Title: "下午茶", PriceFen: 100, CalledAt: r.clock.Now(),
		}, r.asked())
		r.must(err)
		_, err = r.db.Journal.FinishConsume(r.Context(), op, []models.Coupon{{Code: "1", PriceFen: 100}, {Visit: 1, PriceFen: 100}, {Visit: 2, PriceFen: 100}})
		r.must(err)
		for _, certificate := range []string{"c1", "c2", "c2", "c3", "c4"} {
			r.post(0, certificateMessage(douyin.ActionRefunded, douyintest.Voucher{OrderID: "o", CertificateID: certificate}, r.clock.Now()), certificate)
		}
		var codes []string
		for _, f := range r.refunds() {
			codes = append(codes, f.Code)
		}
		slices.Sort(codes)
		if !slices.Equal(codes, []string{"", "", "1"}) {
			r.Errorf("refunds of %q", codes)
		}
	})
}
