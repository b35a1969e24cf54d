package hooks

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// From here to the next line of this kind, docs/hooks.md has it. ----

// verify reports whether a request comes from Yanquan, and is not an old one again.
func verify(secret string, header http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	id, sent := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return errors.New("too old, or from the future")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + sent + "."))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(signature), []byte(want)) {
			return nil
		}
	}
	return errors.New("no signature is right")
}

// till is a system that counts what it has sold.
type till struct {
	secret string
	now    func() time.Time

	mu    sync.Mutex
	seen  map[string]bool // ids; a real one keeps them in its database for 30 days
	count int
	fen   int64
}

func (t *till) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || verify(t.secret, r.Header, body, t.now()) != nil {
		http.Error(w, "not from Yanquan", http.StatusUnauthorized)
		return
	}
	var event struct {
		Type string `json:"type"`
		Data struct {
			Total struct {
				Count int   `json:"count"`
				Fen   int64 `json:"amount_fen"`
			} `json:"total"`
			Coupons []struct {
				Fen    *int64     `json:"price_fen"`
				Undone *time.Time `json:"undone_at"`
			} `json:"coupons"`
			Complete bool `json:"complete"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &event) != nil {
		http.Error(w, "not understood", http.StatusBadRequest)
		return
	}
	t.mu.Lock() // in a database: one transaction
	defer t.mu.Unlock()
	if id := r.Header.Get("webhook-id"); !t.seen[id] {
		t.seen[id] = true
		switch event.Type {
		case "redeemed":
			t.count, t.fen = t.count+event.Data.Total.Count, t.fen+event.Data.Total.Fen
		case "undone":
			if !event.Data.Complete {
				break // each coupon says whether it stands; a till that sells singly looks there
			}
			for _, c := range event.Data.Coupons {
				t.count--
				if c.Fen != nil {
					t.fen -= *c.Fen
				}
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// ---- To here.

// What docs/hooks.md shows is what is tested here.
func TestConsumerInTheDocuments(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("consumer_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := bytes.Cut(source, []byte("docs/hooks.md has it. ----\n"))
	shown, _, ok := bytes.Cut(after, []byte("// ---- To here."))
	if !ok || !bytes.Contains(page, bytes.TrimSpace(shown)) {
		t.Error("docs/hooks.md does not show the consumer as it is")
	}
	for _, kind := range Kinds {
		if !bytes.Contains(page, []byte("`"+kind+"`")) {
			t.Errorf("docs/hooks.md does not tell of %s", kind)
		}
	}
}

// A consumer that goes by the documents counts each event once, whatever is lost, sent
// twice, replayed or forged, also while its secret is changed.
func TestConsumer(t *testing.T) {
	each(t, func(w *world, clock *modelstest.Clock) {
		consumer := &till{secret: secretA, now: clock.Now, seen: map[string]bool{}}
		lose := 1
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			consumer.ServeHTTP(rw, r)
			if lose > 0 { // its answer
				lose--
				conn, _, err := rw.(http.Hijacker).Hijack()
				if err == nil {
					conn.Close()
				}
			}
		}))
		w.Cleanup(server.Close)
		h := Hook{Name: "till", URL: server.URL + "/hook", Secrets: []string{secretB, secretA}, Kinds: Kinds, Private: true}
		w.writer.Hooks = []Hook{h}
		w.must(Register(w.Context(), w.db, w.writer.Hooks, slog.New(slog.NewTextHandler(&w.log, nil))))
		s := w.sender(w.db)
		for _, t := range s.hooks {
			t.client.Transport = http.DefaultTransport
		}
		r := w.runner(s)
		settle := func() {
			for range 6 {
				r.Pass(w.Context())
				clock.Advance(10 * time.Second)
			}
		}
		w.redeem("7992697493")
		w.undo(w.redeem("7992697494"))
		w.redeem("7992697495")
		settle()
		if consumer.count != 2 || consumer.fen != 9980 || len(consumer.seen) != 4 {
			w.Errorf("%d coupons of %d fen after %d events", consumer.count, consumer.fen, len(consumer.seen))
		}
		n, err := Replay(w.Context(), w.db, h, noon.Add(-time.Hour))
		w.must(err)
		settle()
		if b := w.backlog("till"); n != 4 || b.Queued != 0 || consumer.count != 2 || consumer.fen != 9980 {
			w.Errorf("%d replayed: %d coupons of %d fen, %+v", n, consumer.count, consumer.fen, b)
		}
	})
}

// What is forged, old or changed is refused.
func TestForged(t *testing.T) {
	t.Parallel()
	h := hook("pos")
	w := &world{T: t, now: time.Now}
	s, err := New(Options{Hooks: []Hook{h}, Carry: w})
	if err != nil {
		t.Fatal(err)
	}
	s.hooks[0].post(t.Context(), models.DueDelivery{HookDelivery: models.HookDelivery{EventID: "msg_1"}, Payload: []byte(`{"type":"redeemed"}`)}, noon)
	r := w.take()[0]
	change := func(name, value string) http.Header {
		c := r.header.Clone()
		c.Set(name, value)
		return c
	}
	for name, tt := range map[string]struct {
		good   bool
		secret string
		header http.Header
		body   string
		at     time.Time
	}{
		"as it is":        {true, secretA, r.header, string(r.body), noon},
		"a bit late":      {true, secretA, r.header, string(r.body), noon.Add(4 * time.Minute)},
		"too late":        {false, secretA, r.header, string(r.body), noon.Add(6 * time.Minute)},
		"too early":       {false, secretA, r.header, string(r.body), noon.Add(-6 * time.Minute)},
		"another secret":  {false, secretB, r.header, string(r.body), noon},
		"another body":    {false, secretA, r.header, string(r.body) + " ", noon},
		"another id":      {false, secretA, change("webhook-id", "msg_2"), string(r.body), noon},
		"another time":    {false, secretA, change("webhook-timestamp", strconv.FormatInt(noon.Unix()+1, 10)), string(r.body), noon},
		"no signature":    {false, secretA, change("webhook-signature", ""), string(r.body), noon},
		"several of them": {true, secretA, change("webhook-signature", "v1,AAAA "+r.header.Get("webhook-signature")), string(r.body), noon},
	} {
		if err := verify(tt.secret, tt.header, []byte(tt.body), tt.at); (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
