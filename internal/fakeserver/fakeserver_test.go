package fakeserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// counter is a platform with a number: POST /add?by=1 raises it by one, and by two
// where it is not partly, GET /get tells it.
type counter struct {
	*Server
	core *Core
	n    int
	at   []time.Time // of each effect
}

type counterCall struct {
	p    *counter
	name string
	by   string
}

func (c *counterCall) Name() string       { return c.name }
func (c *counterCall) Changes() bool      { return c.name == "add" }
func (c *counterCall) Meant(f Fault) bool { return f.Code == "" || f.Code == c.by }

func (c *counterCall) Record(r *Request) {
	r.Dialect, r.Fields = "arabic", append(r.Fields, Field{"by", c.by})
}

func (c *counterCall) CarryOut(partly bool, now time.Time) (Outcome, string) {
	by, effect := 0, ""
	if c.Changes() {
		if by, effect = 2, "added"; partly {
			by = 1
		}
		c.p.at = append(c.p.at, now)
	}
	c.p.n += by
	return JSON(map[string]any{"n": c.p.n, "access_token": "0123456789abcdef"}), effect
}

func (c *counterCall) Promise() Outcome { return JSON(map[string]any{"n": c.p.n + 2}) }

func (c *counterCall) Coded(answer, words string) Outcome {
	return JSON(map[string]any{"code": answer, "words": words})
}

// rig is a counter behind a real listener.
type rig struct {
	*testing.T
	p     *counter
	srv   *httptest.Server
	clock *Clock
}

func setup(t *testing.T, change ...func(*Options)) rig {
	t.Helper()
	c := NewClock(time.Date(2026, 10, 1, 12, 0, 0, 0, Beijing))
	p := &counter{}
	opts := Options{
		Name: "counter", Now: c.Now, Calls: []string{"add", "get"}, Dialects: []Dialect{"arabic"}, RowCodes: []RowCode{"row"},
		Read: func(_ http.ResponseWriter, r *http.Request) Call {
			_, _ = io.Copy(io.Discard, r.Body)
			return &counterCall{p, strings.TrimPrefix(r.URL.Path, "/"), r.FormValue("by")}
		},
		Kinds: map[FaultKind]Kind{Throttle: {Play: func(in Injection) Outcome { return in.Coded("slow", "") }}},
	}
	for _, f := range change {
		f(&opts)
	}
	p.core, p.Server = New(opts)
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	return rig{t, p, srv, c}
}

func (r rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r rig) same(got, want any) {
	r.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("(-want +got)\n%s", diff)
	}
}

func (r rig) await(cond func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	r.ok(r.p.Await(ctx, cond))
}

// wire is an answer as the client sees it.
type wire struct {
	status      int
	contentType string
	body        string
	err         error
}

func (r rig) call(ctx context.Context, name string) wire {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.srv.URL+"/"+name+"?by=1", nil)
	r.ok(err)
	resp, err := r.srv.Client().Do(req)
	if err != nil {
		return wire{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return wire{resp.StatusCode, resp.Header.Get("Content-Type"), string(body), err}
}

func (r rig) add() wire { return r.call(r.Context(), "add") }

// hanging starts a call and waits until it hangs.
func (r rig) hanging(name string) (leave func(), result <-chan wire) {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	done, before := make(chan wire, 1), r.last().Seq
	go func() { done <- r.call(ctx, name) }()
	r.await(func() bool { return r.last().Seq > before && r.last().State == RequestWaiting })
	return cancel, done
}

func (r rig) last() Request {
	all := r.p.Requests()
	if len(all) == 0 {
		return Request{}
	}
	return all[len(all)-1]
}

// count is the number as whoever looks finds it.
func (r rig) count() int {
	r.p.core.Lock()
	defer r.p.core.Unlock()
	return r.p.n
}

func TestRecords(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *Options) { o.Keep = 3 })
	for range 5 {
		r.same(r.add().status, 200)
	}
	var seqs []uint64
	for _, q := range r.p.Requests() {
		seqs = append(seqs, q.Seq)
	}
	r.same(seqs, []uint64{3, 4, 5})
	last := r.last()
	last.Version = 0
	r.same(last, Request{
		Seq: 5, Time: r.clock.Now(), Dialect: "arabic", Call: "add", Method: "POST", Path: "/add", Fields: []Field{{"by", "1"}},
		State: RequestAnswered, Status: 200, Answer: `{"access_token":"0123…","n":10}`, Effect: "added",
	})

	_, latest, _ := r.p.Since(0)
	changed, same, more := r.p.Since(latest)
	r.same([]any{len(changed), same}, []any{0, latest})
	r.ok(r.p.Fail(Fault{Kind: ApplyThenHang}))
	<-more
	leave, result := r.hanging("add")
	changed, middle, _ := r.p.Since(latest)
	r.same([]any{len(changed), changed[0].Seq, changed[0].State, changed[0].Fault}, []any{1, uint64(6), RequestWaiting, ApplyThenHang})
	leave()
	if w := <-result; !errors.Is(w.err, context.Canceled) {
		t.Errorf("the client got %+v", w)
	}
	r.await(func() bool { return r.last().State == RequestDropped })
	changed, _, _ = r.p.Since(middle)
	r.same([]any{len(changed), changed[0].Seq}, []any{1, uint64(6)})

	// A record that has left the ring while its request was hanging.
	r.ok(r.p.Fail(Fault{Kind: ApplyThenHang}))
	leave, result = r.hanging("add")
	for range 4 {
		r.add()
	}
	leave()
	<-result
	r.same(r.last().Seq, uint64(11))
}

func TestSecretsAreCut(t *testing.T) {
	t.Parallel()
	r := rig{T: t}
	r.same([]string{MaskSecret("0123456789abcdef"), MaskSecret("short")}, []string{"0123…", "…"})
	r.same(maskTokens(`{"accessToken":"0123456789abcdef","refresh_token":"x","code":"0123456789abcdef"}`), `{"accessToken":"0123…","refresh_token":"…","code":"0123456789abcdef"}`)
	long := shorten(strings.Repeat("券", keepText))
	r.same([]any{len(long) < keepText+4, strings.HasSuffix(long, "券…")}, []any{true, true})
}

// What a client sees, and how often the call had its effect.
func TestFaults(t *testing.T) {
	t.Parallel()
	broken := func(w wire) bool { return w.err != nil && w.status == 0 }
	half := func(w wire) bool {
		return w.status == 200 && errors.Is(w.err, io.ErrUnexpectedEOF) && strings.HasPrefix(w.body, `{"`)
	}
	page := func(status int, kind, body string) func(wire) bool {
		return func(w wire) bool {
			return w.err == nil && w.status == status && strings.HasPrefix(w.contentType, kind) && strings.HasPrefix(w.body, body) && (body == "") == (w.body == "")
		}
	}
	says := func(body string) func(wire) bool { return page(200, "application/json", body) }
	for _, tt := range []struct {
		fault Fault
		seen  func(wire) bool
		added int
	}{
		{Fault{Kind: HangThenDrop}, broken, 0},
		{Fault{Kind: HangThenDrop, Delay: time.Millisecond}, broken, 0},
		{Fault{Kind: ApplyThenDrop}, broken, 2},
		{Fault{Kind: HalfBody}, half, 0},
		{Fault{Kind: HalfBody, Applied: true}, half, 2},
		{Fault{Kind: Status5xx}, page(503, "text/html", "<html>"), 0},
		{Fault{Kind: Status5xx, Status: 502, Page: PageText, Applied: true}, page(502, "text/plain", "Bad Gateway"), 2},
		{Fault{Kind: ProxyStatus, Page: PageEmpty}, page(403, "text/plain", ""), 0},
		{Fault{Kind: ProxyStatus, Status: 429, Page: PageJSON, Applied: true}, page(429, "application/json", `{"message":"Too Many Requests"}`), 2},
		{Fault{Kind: HTML}, page(200, "text/html", "<html>"), 0},
		{Fault{Kind: HTML, Applied: true}, page(200, "text/html", "<html>"), 2},
		{Fault{Kind: WrongContentType}, page(200, "text/html", `{"`), 2},
		{Fault{Kind: Delay, Delay: time.Millisecond}, says(`{"`), 2},
		{Fault{Kind: Delay, Applied: true}, says(`{"`), 2},
		{Fault{Kind: Throttle}, says(`{"code":"slow","words":""}`), 0},
		{Fault{Kind: AnswerCode, Answer: "7", Msg: "no"}, says(`{"code":"7","words":"no"}`), 0},
		{Fault{Kind: AnswerCode, Answer: "7", Applied: true}, says(`{"code":"7"`), 2},
		{Fault{Kind: AnswerBody, Answer: "{}", Applied: true}, says("{}"), 2},
		{Fault{Kind: Partly}, says(`{"`), 1},
		{Fault{Kind: ProxyRepeat}, says(`{"`), 4},
		{Fault{Kind: ProxyRepeat, Answer: "7"}, says(`{"code":"7"`), 2},
	} {
		r := setup(t)
		r.ok(r.p.Fail(tt.fault))
		w := r.add()
		if !tt.seen(w) {
			t.Errorf("%+v: the client saw %+v", tt.fault, w)
		}
		if n := r.count(); n != tt.added {
			t.Errorf("%+v: the number is %d, want %d", tt.fault, n, tt.added)
		}
		r.same(r.last().Fault, tt.fault.Kind)
		r.same(len(r.p.Faults()), 0)
	}
}

func TestProxyRepeatsAQuestion(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.ok(r.p.Fail(Fault{Kind: ProxyRepeat, Answer: "7"}))
	if w := r.call(t.Context(), "get"); !strings.Contains(w.body, `"n":0`) { // no effect that a second would find
		t.Errorf("got %+v", w)
	}
}

func TestHangsAndDelays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault       Fault
		while, left int // the number while the call hangs, and once the client left
	}{
		{Fault{Kind: ApplyThenHang}, 2, 2},
		{Fault{Kind: HangThenDrop, Delay: time.Second}, 0, 0},
		{Fault{Kind: Delay, Delay: time.Second}, 0, 0}, // not applied is never for a client that left
		{Fault{Kind: Delay, Delay: time.Second, Applied: true}, 2, 2},
		{Fault{Kind: ApplyLate, Delay: time.Second}, 0, 2},
	} {
		gate := make(chan struct{})
		r := setup(t, func(o *Options) {
			o.Wait = func(ctx context.Context, _ time.Duration) error {
				select {
				case <-gate:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
		r.ok(r.p.Fail(tt.fault))
		leave, result := r.hanging("add")
		r.same(r.count(), tt.while)
		leave()
		<-result
		if tt.fault.Kind == ApplyLate {
			r.same(r.count(), 0)
			close(gate)
		}
		r.await(func() bool { return r.last().State == RequestDropped })
		r.same(r.count(), tt.left)

		if tt.fault.Kind == Delay { // a client that stays gets the true answer, once
			r.ok(r.p.Fail(tt.fault))
			_, result = r.hanging("add")
			close(gate)
			r.same((<-result).status, 200)
			r.same(r.count(), tt.left+2)
		}
	}
}

// A call is held until the test lets it go, and whichever comes before; then the fault is
// over.
func TestHeldUntil(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault       Fault
		while, then int
		answered    bool
	}{
		{Fault{Kind: Delay}, 0, 4, true},
		{Fault{Kind: Delay, Applied: true}, 4, 4, true},
		{Fault{Kind: HangThenDrop}, 0, 0, false},
	} {
		r := setup(t, func(o *Options) {
			o.Wait = func(context.Context, time.Duration) error { t.Error("waits by the clock"); return nil }
		})
		until := make(chan struct{})
		tt.fault.Until = until
		r.ok(r.p.Fail(tt.fault))
		_, first := r.hanging("add")
		_, second := r.hanging("add")
		r.same(r.count(), tt.while)
		close(until)
		for _, result := range []<-chan wire{first, second} {
			if w := <-result; (w.err == nil) != tt.answered {
				t.Errorf("%s: answered by %+v", tt.fault.Kind, w)
			}
		}
		r.same(r.count(), tt.then)
		r.same(r.add().status, 200)
		r.same([]any{r.count(), r.last().Fault, len(r.p.Faults())}, []any{tt.then + 2, FaultKind(""), 0})
	}

	r := setup(t) // a number of times is one all the same
	r.ok(r.p.Fail(Fault{Kind: Status5xx, Times: 1, Until: make(chan struct{})}))
	r.same([]int{r.add().status, r.add().status}, []int{503, 200})
}

func TestCloseLetsGo(t *testing.T) {
	t.Parallel()
	r := setup(t)
	var results []<-chan wire
	for _, kind := range []FaultKind{ApplyThenHang, HangThenDrop, ApplyLate, Delay} {
		r.ok(r.p.Fail(Fault{Kind: kind, Delay: time.Hour}))
		_, result := r.hanging("get")
		results = append(results, result)
	}
	r.ok(r.p.Pause(PauseHang))
	_, result := r.hanging("add")
	r.p.Close()
	for _, result := range append(results, result) {
		if w := <-result; w.err == nil {
			t.Errorf("answered %+v", w)
		}
	}
	r.same(r.add().status, http.StatusServiceUnavailable)
	r.same(r.count(), 0)
	r.p.Close()
}

func TestPause(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.ok(r.p.Pause(PauseRefuse))
	r.same(r.add().status, http.StatusServiceUnavailable)
	r.ok(r.p.Pause(PauseHang))
	_, result := r.hanging("add")
	r.p.Resume()
	if w := <-result; w.err == nil {
		t.Errorf("answered %+v", w)
	}
	r.same(r.count(), 0)
	r.p.Resume()
	r.same(r.add().status, 200)
	if r.p.Pause("x") == nil {
		t.Error("paused somehow")
	}
}

// An effect that comes after the answer was lost, by the clock alone. What fell due
// while the platform was down comes on Resume.
func TestLateEffect(t *testing.T) {
	t.Parallel()
	for _, f := range []Fault{
		{Kind: ApplyThenDrop}, {Kind: Status5xx}, {Kind: ProxyStatus}, {Kind: HTML}, {Kind: HalfBody}, {Kind: AnswerCode, Answer: "7"}, {Kind: AnswerBody, Answer: "{}"},
	} {
		r := setup(t)
		start := r.clock.Now()
		f.After = 90 * time.Second
		r.ok(r.p.Fail(f))
		r.add()
		r.clock.Add(45 * time.Second)
		r.ok(r.p.Fail(f))
		r.add()
		r.clock.Add(45*time.Second - time.Millisecond)
		r.same(r.count(), 0)
		r.clock.Add(10 * time.Second)
		r.ok(r.p.Pause(PauseRefuse))
		r.clock.Add(time.Hour)
		r.same(r.count(), 2)
		r.p.Resume()
		r.same(r.count(), 4)
		r.same(r.p.at, []time.Time{start.Add(90 * time.Second), r.clock.Now()}) // not when somebody looked
	}
}

// Where the clock goes by itself, nobody has to look for the effect to come.
func TestAwaitLateEffect(t *testing.T) {
	t.Parallel()
	r := setup(t, func(o *Options) { o.Now = nil })
	r.ok(r.p.Fail(Fault{Kind: ApplyThenDrop, After: 20 * time.Millisecond}))
	r.add()
	r.await(func() bool { return r.last().Effect == "added" })
}

func TestAwaitEnds(t *testing.T) {
	t.Parallel()
	r := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.p.Await(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.ok(r.p.Await(ctx, func() bool { return true }))
}

func TestWhichFaultWhen(t *testing.T) {
	t.Parallel()
	r := setup(t)
	code := func(answer string, change func(*Fault)) {
		f := Fault{Kind: AnswerCode, Answer: answer}
		change(&f)
		r.ok(r.p.Fail(f))
	}
	code("other", func(f *Fault) { f.Code = "2" })
	code("get", func(f *Fault) { f.Call = "get" })
	code("twice", func(f *Fault) { f.Times = 2 })
	code("minute", func(f *Fault) { f.For = time.Minute })
	var got []string
	for _, name := range []string{"add", "get", "add", "add", "add"} {
		said, _, _ := strings.Cut(strings.TrimPrefix(r.call(t.Context(), name).body, `{"code":"`), `"`)
		got = append(got, said)
		r.clock.Add(20 * time.Second)
	}
	r.clock.Add(20 * time.Second)
	r.add()
	r.same(got, []string{"twice", "get", "twice", "minute", "minute"})
	r.same([]any{len(r.p.Faults()), r.count()}, []any{1, 2})
	r.p.ClearFaults()
	r.same(len(r.p.Faults()), 0)
}

func TestBadFaults(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for _, f := range []Fault{
		{Kind: "x"}, {Kind: Partly, Call: "x"}, {Kind: Partly, Dialect: "x"}, {Kind: Partly, RowCode: "x"}, {Kind: Partly, Page: "x"}, {Kind: Partly, For: -1},
		{Kind: Delay, Delay: -1}, {Kind: Delay, After: 1}, {Kind: Throttle, After: 1}, {Kind: Status5xx, Status: 404}, {Kind: ProxyStatus, Status: 200},
		{Kind: ProxyStatus, Status: 600}, {Kind: AnswerCode}, {Kind: AnswerBody},
	} {
		if err := r.p.Fail(f); err == nil || !strings.HasPrefix(err.Error(), "counter: ") {
			t.Errorf("%+v: %v", f, err)
		}
	}
	r.same(len(r.p.Faults()), 0)
}

// A connection that cannot be taken over is closed in net/http's own way.
func TestDropWithoutConnection(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.ok(r.p.Fail(Fault{Kind: ApplyThenDrop}))
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("recovered %v", got)
		}
	}()
	r.p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/add", nil))
}

func TestEdited(t *testing.T) {
	t.Parallel()
	r := rig{T: t}
	out := JSON(map[string]any{"n": 9007199254740993})
	out.ContentType = "x"
	got := out.Edited(func(answer map[string]any) bool { answer["m"] = "<"; return true })
	r.same([]string{string(got.Body), got.ContentType}, []string{`{"m":"<","n":9007199254740993}`, "x"})
	for _, o := range []Outcome{out, ErrorPage(404)} {
		r.same(string(o.Edited(func(map[string]any) bool { return false }).Body), string(o.Body))
	}
}

// A message is posted until it is taken, with pauses between.
func TestPost(t *testing.T) {
	t.Parallel()
	for _, takenAt := range []int{1, 3, 9} {
		var mu sync.Mutex
		var pauses []time.Duration
		var got []string
		listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, r.Header.Get("X-Id")+string(body))
			_, _ = io.WriteString(w, strconv.Itoa(len(got)))
		}))
		t.Cleanup(listener.Close)
		r := setup(t, func(o *Options) {
			o.Wait = func(_ context.Context, d time.Duration) error {
				mu.Lock()
				defer mu.Unlock()
				pauses = append(pauses, d)
				return nil
			}
		})
		var noted []bool
		r.p.core.Lock()
		r.p.core.Post(Message{}, 4, nil, nil) // to nobody
		r.p.core.Post(Message{To: listener.URL, Header: http.Header{"X-Id": {"7"}}, Body: []byte("b")}, 4,
			func(_ int, body []byte) bool { return string(body) == strconv.Itoa(takenAt) },
			func(taken bool) { noted = append(noted, taken) })
		r.p.core.Unlock()
		attempts := min(takenAt, 4)
		r.await(func() bool {
			r.p.core.Lock()
			defer r.p.core.Unlock()
			return len(noted) == attempts
		})
		r.p.Close()
		mu.Lock()
		r.same(got, slices.Repeat([]string{"7b"}, attempts))
		r.same(append([]time.Duration{}, pauses...), []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}[:attempts-1])
		mu.Unlock()
		r.same(noted[attempts-1], takenAt <= 4)
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	r := rig{T: t}
	a, b := RandomDigits(1)(20), RandomDigits(1)(20)
	r.same([]any{a == b, len(a), strings.Trim(a, "0123456789")}, []any{true, 20, ""})
	c, d := RandomDigits(0)(30), RandomDigits(0)(30)
	r.same(c == d, false)
	taken := map[string]bool{"98": true, "99": true, "100": true}
	r.same([]string{Unique("98", func(s string) bool { return taken[s] }), Unique("97", func(s string) bool { return taken[s] })}, []string{"101", "97"})
}
