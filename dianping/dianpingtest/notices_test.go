package dianpingtest_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"yanquan/dianping/dianpingtest"
)

// inbox takes notices; answer says what the n-th (from 0) gets.
type inbox struct {
	mu    sync.Mutex
	forms []url.Values
}

func (in *inbox) serve(t *testing.T, answer func(n int) (status int, body string)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_ = q.ParseForm()
		in.mu.Lock()
		n := len(in.forms)
		in.forms = append(in.forms, q.PostForm)
		in.mu.Unlock()
		status, body := answer(n)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// all returns what has come.
func (in *inbox) all() []url.Values {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.forms)
}

func taken(int) (int, string) { return 200, `{"code":0,"message":"success","data":null}` }

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

func TestUnbindNotice(t *testing.T) {
	t.Parallel()
	var in inbox
	r := setup(t, registered)
	r.p.SetRegistration(dianpingtest.Registration{CallbackURL: callbackURL, NoticeURL: in.serve(t, taken)})
	p := r.authorize(allPages[1], shopA)
	r.ok(r.p.RevokeSession(p.access))
	r.await(func() bool { return r.p.Notices()[0].Taken })

	fields := fields{}
	for name := range in.all()[0] {
		fields[name] = in.all()[0].Get(name)
	}
	sign := fields["sign"]
	delete(fields, "sign")
	sum := sha1.Sum([]byte(signKey + joined(fields)))
	r.same(sign, hex.EncodeToString(sum[:]))
	r.same(map[string]string(fields), map[string]string{
		"developerId": developerID, "businessId": "58", "opBizCode": shopA, "msgType": "510001", "msgId": "msg-1", "timestamp": "1790827200", "message": "{}",
	})
	r.same(r.call2("queryshopdeal", "{}", map[string]string{"appAuthToken": p.access}).sub, "22")
	r.same(r.tokens(allPages[1], "", p.refresh, nil).code, "22")

	r.ok(r.p.RevokeSession(p.access)) // once is enough
	r.ok(r.p.RepeatNotice("msg-1"))
	r.await(func() bool { return r.p.Notices()[0].Attempts == 2 })
	r.same([]any{len(r.p.Notices()), in.all()[1].Get("msgId"), in.all()[1].Get("sign")}, []any{1, "msg-1", sign})
	if r.p.RepeatNotice("msg-9") == nil {
		t.Error("a notice that does not exist was repeated")
	}

	list := r.authorize(allPages[2], shopA)
	r.ok(r.p.RevokeSession(list.access))
	r.await(func() bool { return len(r.p.Notices()) == 2 && r.p.Notices()[1].Taken })
	r.same([]any{r.p.Notices()[1].BusinessID, r.p.Notices()[1].OpBizCode}, []any{59, "customer-1"})

	one := r.authorize(allPages[0], shopA)
	r.ok(r.p.RevokeSession(one.access))
	r.ok(r.p.RevokeSession(tokenB)) // of AddSession: nobody authorised it
	r.same(len(r.p.Notices()), 2)
	r.same(r.tokens(allPages[0], "", one.refresh, nil).code, "613")
}

func TestNoticesAreRepeatedUntilTaken(t *testing.T) {
	t.Parallel()
	answers := []struct {
		status int
		body   string
	}{{503, "{}"}, {200, "<html>"}, {200, `{"message":"success"}`}, {200, `{"code":1}`}, {302, `{"code":0}`}}
	tests := map[string]struct {
		answer   func(n int) (int, string)
		attempts int
		taken    bool
	}{
		"at last": {func(n int) (int, string) {
			if n == 3 {
				return taken(n)
			}
			return answers[n].status, answers[n].body
		}, 4, true},
		"never": {func(n int) (int, string) { return answers[n].status, answers[n].body }, 5, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in inbox
			var pauses waits
			r := setup(t, registered, func(o *dianpingtest.Options) { o.Sleep = pauses.sleep })
			r.p.SetRegistration(dianpingtest.Registration{NoticeURL: in.serve(t, tt.answer)})
			a, err := r.p.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Meituan, Shops: []string{shopA}})
			r.ok(err)
			r.ok(r.p.RevokeSession(a.Token))
			r.await(func() bool { return r.p.Notices()[0].Attempts == tt.attempts })
			r.p.Close() // waits for the end of posting
			r.same(r.p.Notices()[0].Taken, tt.taken)
			r.same(pauses.all, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}[:tt.attempts-1])
			r.same(len(in.all()), tt.attempts)
		})
	}
}

// Close does not wait for pauses or for an answer that does not come.
func TestCloseEndsPosting(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	var once sync.Once
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_ = q.ParseForm()
		once.Do(func() { close(arrived) })
		<-q.Context().Done()
	}))
	t.Cleanup(srv.Close)
	r := setup(t, registered)
	r.p.SetRegistration(dianpingtest.Registration{NoticeURL: srv.URL})
	a, err := r.p.Authorize(dianpingtest.Authorization{Dialect: dianpingtest.Meituan, Shops: []string{shopA}})
	r.ok(err)
	r.ok(r.p.RevokeSession(a.Token))
	<-arrived
	r.p.Close()
	r.same(r.p.Notices()[0].Taken, false)
	r.ok(r.p.RepeatNotice("msg-1")) // nothing is posted any more
	r.p.Close()
	r.same(r.p.Notices()[0].Attempts, 1)
}
