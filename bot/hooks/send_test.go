package hooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// The signature is that of the published example, and each secret makes one.
func TestSignature(t *testing.T) {
	t.Parallel()
	h := hook("pos")
	h.Secrets = []string{secretB, secretA} // it is being changed
	w := &world{T: t, now: time.Now}
	s, err := New(Options{Hooks: []Hook{h}, Carry: w})
	if err != nil {
		t.Fatal(err)
	}
	d := models.DueDelivery{HookDelivery: models.HookDelivery{EventID: "msg_p5jXN8AQM9LWM0D4loKWxJek"}, Payload: []byte(`{"test": 2432232314}`)}
	if a := s.hooks[0].post(t.Context(), d, time.Unix(1614265330, 0)); a.reason != "" || a.status != 204 {
		t.Fatalf("%+v", a)
	}
	r := w.take()[0]
	signatures := strings.Split(r.header.Get("webhook-signature"), " ")
	if len(signatures) != 2 || signatures[1] != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" || r.header.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("%v", r.header)
	}
	for i, secret := range h.Secrets {
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.id, r.header.Get("webhook-timestamp"), r.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); signatures[i] != want {
			t.Errorf("signature %d is %s, want %s", i, signatures[i], want)
		}
		theirs, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.VerifyIgnoringTimestamp(r.body, r.header); err != nil {
			t.Errorf("secret %d: %v", i, err)
		}
	}
	if got := r.header.Get("content-type"); got != "application/json" {
		t.Error(got)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	enc := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, good := range []string{secretA, enc(24), enc(32), enc(64)} {
		if _, err := ParseSecret(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "whsec_", strings.TrimPrefix(secretA, "whsec_"), enc(23), enc(65), secretA + "!", "whsec_" + strings.Repeat("-", 32)} {
		if _, err := ParseSecret(bad); !errors.Is(err, ErrSecret) || len(bad) > 8 && strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// An event waits for an earlier one about the same voucher, and for no other; each hook
// goes its own way.
func TestOrderOfAVoucher(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		first := w.redeem("7992697494")
		w.undo(first)
		w.redeem("7992697495")
		w.answers(func(r request) (*http.Response, error) {
			if r.hook == "pos" && strings.Contains(string(r.body), first.ID) {
				return says(500)(r)
			}
			return says(200)(r)
		})
		w.pass()
		w.pass()
		w.pass()
		got := map[string][]string{}
		for _, r := range w.take() {
			got[r.hook] = append(got[r.hook], r.kind)
		}
		// The failure of the first and the other voucher, in whichever order.
		if len(got["pos"]) != 2 || slices.Contains(got["pos"], Undone) {
			w.Errorf("pos got %v", got["pos"])
		}
		if slices.Sort(got["crm"]); !slices.Equal(got["crm"], []string{Redeemed, Redeemed, Undone}) {
			w.Errorf("crm got %v", got["crm"])
		}
		w.answers(nil)
		w.pass()
		if got := w.kinds(); got != "" {
			w.Errorf("before its time: %s", got)
		}
		clock.Advance(5 * time.Second)
		w.pass()
		w.pass()
		if got := w.kinds(); got != "pos redeemed, pos undone" {
			w.Errorf("got %s", got)
		}
	}, hook("pos"), hook("crm"))
}

// Between the commit and the sending a process may die: another sends. Between the
// sending and its record it may die, too: the same is sent again, with the same id.
func TestDeathsAroundSending(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.redeem("7992697494") // and nothing more is done by this process
		w.pass()
		if got := w.kinds(); got != "pos redeemed" {
			w.Fatalf("got %s", got)
		}
		w.redeem("7992697495")
		died := w.sender(w.db)
		due, err := w.db.HookEvents.Due(w.Context(), "pos", clock.Now(), 10)
		w.must(err)
		if _, err := w.db.HookEvents.Claim(w.Context(), due[0].HookDelivery, clock.Now().Add(lease)); err != nil {
			w.Fatal(err)
		}
		if a := died.hooks[0].post(w.Context(), due[0], clock.Now()); a.reason != "" {
			w.Fatal(a)
		}
		clock.Advance(lease - time.Second)
		w.pass()
		sent := w.take()
		if len(sent) != 1 {
			w.Fatalf("%d requests while the lease lasts", len(sent))
		}
		clock.Advance(time.Second)
		w.pass()
		again := w.take()
		if len(again) != 1 || again[0].id != sent[0].id || string(again[0].body) != string(sent[0].body) || !strings.HasPrefix(again[0].id, "msg_") {
			w.Errorf("sent again: %v, %v before", again, sent)
		}
		w.pass()
		if got := w.kinds(); got != "" {
			w.Errorf("and again: %s", got)
		}
	}, hook("pos"))
}

// A process that stops in the middle of a try leaves it to others, and what was taken
// meanwhile is recorded all the same.
func TestStoppedWhileSending(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.redeem("7992697494")
		ctx, stop := context.WithCancel(w.Context())
		w.answers(func(r request) (*http.Response, error) { stop(); return says(200)(r) })
		w.runner(w.sender(w.db)).Pass(ctx)
		if b := w.backlog("pos"); b.Queued != 0 || b.SentAt.IsZero() {
			w.Errorf("taken, and not recorded: %+v", b)
		}
		w.redeem("7992697495")
		ctx, stop = context.WithCancel(w.Context())
		w.answers(func(r request) (*http.Response, error) { stop(); return nil, context.Canceled })
		w.runner(w.sender(w.db)).Pass(ctx)
		row, err := w.db.Hooks.Get(w.Context(), "pos")
		w.must(err)
		if row.Failures != 0 || w.backlog("pos").Queued != 1 {
			w.Errorf("a stop is a failure of the hook: %+v", row)
		}
	}, hook("pos"))
}

// Several processes send each event once, and those about one voucher in their order.
func TestTwoReplicas(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		want := map[string]int{}
		for i := range 12 {
			w.undo(w.redeem(fmt.Sprint(79926974900 + i)))
			want[fmt.Sprint(79926974900+i)] = 2
		}
		var all sync.WaitGroup
		for range 2 {
			r := w.runner(w.sender(w.db))
			all.Go(func() {
				for w.backlog("pos").Queued > 0 && w.Context().Err() == nil {
					r.Pass(w.Context())
				}
			})
		}
		all.Wait()
		got, order := map[string]int{}, map[string]string{}
		for _, r := range w.take() {
			for code := range want {
				if strings.Contains(string(r.body), `"code":"`+code+`"`) {
					got[code]++
					order[code] += r.kind + " "
				}
			}
		}
		for code, n := range want {
			if got[code] != n || order[code] != "redeemed undone " {
				w.Errorf("%s: %d times, %s", code, got[code], order[code])
			}
		}
	}, hook("pos"))
}

// A hook that never takes anything is tried for three days, ever more rarely. Managers are
// told once that it fails, and that an event was given up; then once that it is back.
func TestThreeDays(t *testing.T) {
	t.Parallel()
	dsn := modelstest.MigratedSQLiteDSN(t)
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, keys: map[string]bool{}, now: time.Now}
		w.writer = &Writer{Hooks: []Hook{hook("pos")}, NewID: w.newID}
		w.open(modelstest.Open(t, models.SQLite, dsn, func(cfg *models.Config) { cfg.Witness = w.writer }))
		ctx, stop := context.WithCancel(t.Context())
		const look = 30 * time.Second // seldom enough that three days are short
		r := w.runner(w.sender(w.db))
		r.Every = look
		w.writer.Wake = func() { r.Wake(Job) }
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		defer running.Wait()
		defer stop()

		w.answers(says(503))
		began := time.Now()
		op := w.redeem("7992697494")
		w.undo(op)
		time.Sleep(5 * time.Minute)
		if told := w.takeTold(); told != "" {
			t.Errorf("told too early: %s", told)
		}
		time.Sleep(33 * time.Minute)
		told := w.takeTold()
		for _, want := range []string{"其他系统收不到通知", "「pos」（pos.example.com）", "HTTP 503"} {
			if !strings.Contains(told, want) || strings.Contains(told, "\n") {
				t.Errorf("told %q, want %s", told, want)
			}
		}
		time.Sleep(71 * time.Hour)
		if told := w.takeTold(); told != "" {
			t.Errorf("told again: %s", told)
		}
		first := w.take()
		time.Sleep(time.Hour)
		sent := append(first, w.take()...)
		var pauses []time.Duration
		last := began
		for i, r := range sent {
			if r.id == sent[0].id {
				pauses, last = append(pauses, r.at.Sub(last)), r.at
			}
			if i > 0 && r.id != sent[0].id && r.at.Sub(began) < TriedFor {
				t.Errorf("%s overtook after %s", r.kind, r.at.Sub(began))
			}
		}
		want := []time.Duration{
			0, 5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
			12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour,
		}
		n := len(want)
		if len(pauses) != n+1 || !slices.EqualFunc(pauses[:n], want, func(got, want time.Duration) bool { return got >= want && got <= want+look }) {
			t.Errorf("tried after pauses of %v, want %v", pauses, want)
		}
		if late := last.Sub(began) - TriedFor; late < 0 || late > look {
			t.Errorf("tried last after %s", last.Sub(began))
		}
		if told := w.takeTold(); !strings.Contains(told, "有通知没有送到其他系统") || strings.Contains(told, "\n") {
			t.Errorf("told of what was given up: %q", told)
		}
		if b := w.backlog("pos"); b.Failed != 2 || b.Queued != 0 { // the second's time was over, too
			t.Errorf("backlog %+v", b)
		}

		w.answers(nil)
		w.redeem("7992697495")
		time.Sleep(longestRest + look)
		if got := w.kinds(); got != "pos redeemed" {
			t.Errorf("then got %s", got)
		}
		if told := w.takeTold(); !strings.Contains(told, "恢复了") || strings.Contains(told, "\n") {
			t.Errorf("told of the end: %q", told)
		}
		if log := w.log.String(); strings.Contains(log, "s3cret-path") || strings.Contains(log, "t0ken") || strings.Contains(log, "whsec") {
			t.Errorf("the log tells a secret:\n%s", log)
		}
	})
}

// What waits for a hook that was away is sent as soon as it takes something again.
func TestCatchesUpAtOnce(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.answers(func(request) (*http.Response, error) { return nil, errors.New("connection refused") })
		for i := range 9 {
			w.redeem(fmt.Sprint(79926974900 + i))
		}
		for range 40 {
			w.pass()
			clock.Advance(30 * time.Second)
		}
		if n := len(w.take()); n < 9 || n > 40 {
			w.Errorf("%d tries in 20 minutes", n)
		}
		row, err := w.db.Hooks.Get(w.Context(), "pos")
		w.must(err)
		if !Fails(row) || State(row, shanghai) != "11-23 12:00 起收不到：连不上" {
			w.Errorf("%s: %+v", State(row, shanghai), row)
		}
		w.answers(nil)
		clock.Advance(longestRest)
		w.pass()
		w.pass()
		w.pass()
		if n := len(w.take()); n != 9 {
			w.Errorf("%d of 9 were sent", n)
		}
		if row, _ := w.db.Hooks.Get(w.Context(), "pos"); Fails(row) || State(row, shanghai) != "正常" {
			w.Errorf("%+v", row)
		}
	}, hook("pos"))
}

// A hook that hangs holds up no other.
func TestOneHangs(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		const n = 10
		release, rest := make(chan struct{}), make(chan struct{}, n)
		w.answers(func(r request) (*http.Response, error) {
			if r.hook == "pos" {
				<-release
				return nil, context.DeadlineExceeded
			}
			rest <- struct{}{}
			return says(200)(r)
		})
		for i := range n {
			w.redeem(fmt.Sprint(79926974900 + i))
		}
		ctx, stop := context.WithCancel(w.Context())
		r := w.runner(w.sender(w.db))
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		for range n {
			<-rest
		}
		stop()
		running.Wait()
		close(release)
		r.Drain()
		hanging := 0
		for _, one := range w.take() {
			if one.hook == "pos" {
				hanging++
			}
		}
		if hanging == 0 || hanging > atOnce {
			w.Errorf("%d tries at once of the one that hangs", hanging)
		}
		if row, _ := w.db.Hooks.Get(w.Context(), "pos"); row.Reason != timedOut || row.Failures != hanging {
			w.Errorf("%+v after %d", row, hanging)
		}
	}, hook("pos"), hook("crm"))
}

// A hook that says it is gone is not called any more, until its address is another one or
// people ask for it.
func TestGone(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.undo(w.redeem("7992697494"))
		w.answers(says(410))
		w.pass()
		if told := w.takeTold(); !strings.Contains(told, "不再接收通知") || !strings.Contains(told, "410") {
			w.Errorf("told %q", told)
		}
		w.answers(nil)
		w.redeem("7992697495")
		clock.Advance(time.Hour)
		w.pass()
		if got := w.kinds(); got != "pos redeemed" {
			w.Errorf("got %s", got)
		}
		if b := w.backlog("pos"); b.Failed != 3 || b.Queued != 0 {
			w.Errorf("%+v", b)
		}
		n, err := Replay(w.Context(), w.db, w.writer.Hooks[0], noon)
		w.must(err)
		w.pass()
		w.pass()
		if got := w.kinds(); n != 3 || strings.Count(got, "pos") != 3 {
			w.Errorf("%d, got %s", n, got)
		}
		if told := w.takeTold(); told != "" {
			w.Errorf("told %q", told)
		}

		w.redeem("7992697496")
		w.answers(says(410))
		w.pass()
		moved := w.writer.Hooks[0]
		moved.URL += "/new"
		w.must(Register(w.Context(), w.db, []Hook{moved}, slog.New(slog.NewTextHandler(&w.log, nil))))
		w.answers(nil)
		w.redeem("7992697497")
		w.take()
		w.pass()
		if got := w.kinds(); got != "pos redeemed" {
			w.Errorf("at the new address: %s", got)
		}
	}, hook("pos"))
}

// Who asks to be left alone is.
func TestRetryAfter(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		for i, headers := range [][]string{{"Retry-After", "1200"}, {"Retry-After", clock.Now().Add(40*time.Minute + time.Second).Format(http.TimeFormat)}} {
			w.answers(says(429, headers...))
			w.redeem(fmt.Sprint(79926974900 + i))
			w.pass()
			w.answers(nil)
			clock.Advance(4 * time.Minute)
			w.redeem(fmt.Sprint(79926974910 + i)) // nor is it sent something else
			w.pass()
			if got := w.kinds(); got != "pos redeemed" {
				w.Errorf("%v: got %s", headers, got)
			}
			clock.Advance(2 * time.Minute)
			w.pass()
			if got := w.kinds(); got != "pos redeemed" {
				w.Errorf("%v: then got %s", headers, got)
			}
			clock.Advance(15 * time.Minute)
			w.pass()
			if got := w.kinds(); got != "pos redeemed" {
				w.Errorf("%v: at last got %s", headers, got)
			}
		}
	}, hook("pos"))
}

func TestRetryAfterForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999999999": 0, "9999999999999": longestWait, "0": 0,
		noon.Add(time.Minute + time.Second).Format(http.TimeFormat): time.Minute + time.Second - 123457*time.Microsecond,
		noon.Add(-time.Minute).Format(http.TimeFormat):              0, noon.Add(999 * time.Hour).Format(http.TimeFormat): longestWait,
	} {
		if got := retryAfter(text, noon); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// What is sent again has the ids that it had.
func TestReplay(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.redeem("7992697493")
		w.pass()
		w.take()
		clock.Advance(time.Hour)
		since := clock.Now()
		w.undo(w.redeem("7992697494"))
		w.pass()
		w.pass()
		before := w.take()
		clock.Advance(24 * time.Hour)
		n, err := Replay(w.Context(), w.db, w.writer.Hooks[0], since)
		w.must(err)
		w.pass()
		w.pass()
		after := w.take()
		if n != 2 || len(before) != 2 || len(after) != 2 {
			w.Fatalf("%d replayed, %d after %d", n, len(after), len(before))
		}
		for i := range after {
			if after[i].id != before[i].id || string(after[i].body) != string(before[i].body) || after[i].header.Get("webhook-timestamp") == before[i].header.Get("webhook-timestamp") {
				w.Errorf("%+v, %+v before", after[i], before[i])
			}
		}
	}, hook("pos", Redeemed, Undone))
}

// A hook has what it wants, and nothing is kept where there is none.
func TestKindsOfAHook(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		w.undo(w.redeem("7992697494"))
		w.pass()
		w.pass()
		if got := w.kinds(); got != "crm undone" && got != "pos redeemed" && got != "pos redeemed, crm undone" && got != "crm undone, pos redeemed" {
			w.Errorf("got %s", got)
		}
		if b := w.backlog("crm"); b.Queued != 0 {
			w.Errorf("%+v", b)
		}
	}, hook("pos", Redeemed), hook("crm", Undone))
}
