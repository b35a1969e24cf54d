package wecom

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
)

func TestTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	for _, refusal := range []int{40014, 42001, 40001} {
		api := newFakeAPI(t)
		s := testSender(t, api)
		api.then(apiSend, code(refusal))
		if _, err := s.Deliver(context.Background(), appDelivery(replies()["undo"], bot.AsCard)); err != nil {
			t.Errorf("%d: %v", refusal, err)
		}
		got := api.requests()
		if len(got) != 2 || got[0].Query != "access_token=access-token-1" || got[1].Query != "access_token=access-token-2" {
			t.Errorf("%d: calls %+v", refusal, got)
		}
		// Refused again: no third call.
		s = testSender(t, api)
		api.then(apiSend, code(refusal), code(refusal))
		deliveryError(t, s, appDelivery(replies()["undo"], bot.AsCard), bot.DeliveryError{Reason: "token", Retry: true, After: afterToken})
		if n := len(api.requests()); n != 2 {
			t.Errorf("%d: %d calls", refusal, n)
		}
	}
}

// TestTokenStampede: many senders whose token dies at once fetch one new token.
func TestTokenStampede(t *testing.T) {
	t.Parallel()
	const senders = 20
	api := newFakeAPI(t)
	s := testSender(t, api)
	var arrived sync.WaitGroup
	arrived.Add(senders)
	for range senders {
		api.then(apiSend, func(w http.ResponseWriter, r *http.Request) {
			arrived.Done()
			arrived.Wait() // all use the first token
			code(42001)(w, r)
		})
	}
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			if _, err := s.Deliver(context.Background(), appDelivery(replies()["undo"], bot.AsCard)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if api.tokens != 2 {
		t.Errorf("%d tokens were fetched, want 2", api.tokens)
	}
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	var mu sync.Mutex
	now := testNow
	store := newTokenStore(api.URL, sampleCorpID, testSecret, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	})
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "access-token-1"},
		{7200*time.Second - tokenMargin - time.Second, "access-token-1"},
		{time.Second, "access-token-2"},
	} {
		mu.Lock()
		now = now.Add(step.after)
		mu.Unlock()
		if got, err := store.get(context.Background()); err != nil || got != step.want {
			t.Errorf("%q, %v, want %q", got, err, step.want)
		}
	}
	// A late refusal of the first token does not cost the second.
	store.drop("access-token-1")
	if got, _ := store.get(context.Background()); got != "access-token-2" {
		t.Errorf("token = %q", got)
	}
}

// TestTokensAllRefused: WeCom calls every token expired. Each call fails, and a new
// token is fetched now and then; a token that is refused after it has served is
// replaced at once again.
func TestTokensAllRefused(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	now := testNow
	s, err := NewSender(SenderConfig{
		APIURL: api.URL, Apps: []AppConfig{{Name: "main", CorpID: sampleCorpID, AgentID: testAgent, Secret: testSecret}},
		FallbackURL: testFallback, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	deliver := func() error {
		_, err := s.Deliver(context.Background(), appDelivery(replies()["undo"], bot.AsCard))
		return err
	}
	const calls, every = 60, 5 * time.Second
	for range 2 * calls {
		api.then(apiSend, code(42001))
	}
	for range calls {
		if failure, ok := errors.AsType[*bot.DeliveryError](deliver()); !ok || failure.Reason != "token" || failure.After != afterToken {
			t.Fatalf("%+v", failure)
		}
		now = now.Add(every)
	}
	if most := 1 + int(calls*every/dropPause) + 1; api.tokens < 2 || api.tokens > most {
		t.Errorf("%d tokens in %s, want %d at most", api.tokens, calls*every, most)
	}
	api.mu.Lock()
	api.queue[apiSend] = nil
	api.mu.Unlock()
	now = now.Add(dropPause)
	if err := deliver(); err != nil {
		t.Error(err)
	}
	before := api.tokens
	api.then(apiSend, code(42001))
	if err := deliver(); err != nil || api.tokens != before+1 {
		t.Errorf("%v, %d tokens more", err, api.tokens-before)
	}
}

// TestTokenRefused: a wrong secret is not tried over and over.
func TestTokenRefused(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	now := testNow
	store := newTokenStore(api.URL, sampleCorpID, testSecret, func() time.Time { return now })
	api.then("gettoken", answer(`{"errcode":40001,"errmsg":"invalid credential `+testSecret+`"}`))
	for range 3 {
		if _, err := store.get(context.Background()); apiCode(err) != 40001 || redact(err.Error(), testSecret) != err.Error() {
			t.Errorf("err = %v", err)
		}
	}
	now = now.Add(refusalMemory)
	if got, err := store.get(context.Background()); err != nil || got != "access-token-1" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTokenBusy: that WeCom was busy once is no reason not to ask again.
func TestTokenBusy(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	store := newTokenStore(api.URL, sampleCorpID, testSecret, func() time.Time { return testNow })
	api.then("gettoken", answer(`{"errcode":-1,"errmsg":"system busy"}`))
	if _, err := store.get(context.Background()); apiCode(err) != codeBusy {
		t.Errorf("err = %v", err)
	}
	if got, err := store.get(context.Background()); err != nil || got != "access-token-1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTokenFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   bot.DeliveryError
	}{
		{"secret", code(40001), bot.DeliveryError{Reason: "token", Retry: true, After: afterToken}},
		{"corp id", code(40013), bot.DeliveryError{Reason: "misconfigured", Retry: true, After: time.Minute}},
		{"503", status(503), bot.DeliveryError{Reason: "http_status", Retry: true}},
		{"redirect", status(307), bot.DeliveryError{Reason: "http_status", Retry: true, After: afterOthers}},
		{"cut", cut, bot.DeliveryError{Reason: "network", Retry: true}},
		{"not JSON", answer(testSecret), bot.DeliveryError{Reason: "bad_answer", Retry: true}},
		{"no token", answer(`{"errcode":0,"errmsg":"ok"}`), bot.DeliveryError{Reason: "bad_answer", Retry: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := newFakeAPI(t)
			api.then("gettoken", tt.answer, tt.answer) // a cut GET is repeated by net/http
			deliveryError(t, testSender(t, api), appDelivery(replies()["undo"], bot.AsCard), tt.want)
			if got := api.requests(); len(got) != 0 {
				t.Errorf("calls without a token: %+v", got)
			}
		})
	}
}

func TestDeliverHeedsContext(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	canceled, cancel := context.WithCancel(context.Background())
	hang := func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	api.then(apiSend, hang)
	_, err := s.Deliver(canceled, appDelivery(replies()["undo"], bot.AsCard))
	if failure, ok := errors.AsType[*bot.DeliveryError](err); !ok || failure.Reason != "canceled" || !failure.Retry {
		t.Errorf("err = %v", err)
	}

	expired, cancel2 := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel2()
	_, err = s.Deliver(expired, appDelivery(replies()["undo"], bot.AsCard))
	if failure, ok := errors.AsType[*bot.DeliveryError](err); !ok || failure.Reason != "timeout" || !failure.Retry {
		t.Errorf("err = %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	api := newFakeAPI(t)
	s := testSender(t, api)
	if err := s.Check(context.Background(), "main"); err != nil {
		t.Error(err)
	}
	api.then(apiProbe, code(40014), code(60020))
	err := s.Check(context.Background(), "main")
	if failure, ok := errors.AsType[*bot.DeliveryError](err); !ok || failure.Reason != "ip_not_trusted" {
		t.Errorf("err = %v", err)
	}
	if s.Check(context.Background(), "other") == nil {
		t.Error("an app that is not configured")
	}
	if token, err := s.apps["app/main"].tokens.get(context.Background()); err != nil || token != "access-token-2" {
		t.Errorf("%q, %v", token, err)
	}
}
