package demo

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// timings is the fake WeCom's way out. It remembers how long each callback took,
// by its signature, which no other callback has.
type timings struct {
	next http.RoundTripper

	mu    sync.Mutex
	took  map[string]time.Duration
	order []string
}

const keepTimings = 500

// RoundTrip measures until the answer's header is there.
func (t *timings) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.next.RoundTrip(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	key := r.URL.Query().Get("msg_signature")
	if _, known := t.took[key]; !known {
		t.order = append(t.order, key)
	}
	t.took[key] = time.Since(began) // of a retried callback, the last attempt
	if len(t.order) > keepTimings {
		delete(t.took, t.order[0])
		t.order = t.order[1:]
	}
	return resp, err
}

// CloseIdleConnections is what http.Client looks for.
func (t *timings) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// of gives the duration for the query of a callback.
func (t *timings) of(q url.Values) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, ok := t.took[q.Get("msg_signature")]
	return d, ok
}

// apiLog remembers what the bot asked of the fake WeCom.
type apiLog struct {
	changed func()
	now     func() time.Time

	mu    sync.Mutex
	seq   int
	calls []apiCall
}

const keepCalls = 100

// apiCall is one request to WeCom's API, without secrets.
type apiCall struct {
	seq    int
	at     time.Time
	took   time.Duration
	method string
	path   string
	query  string
	body   string
	status int
	answer string
}

// record notes what passes through to the API.
func (l *apiLog) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := apiCall{at: l.now(), method: r.Method, path: r.URL.Path, query: mask(r.URL.RawQuery)}
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 4<<20))
		if err != nil {
			http.Error(rw, "body too large", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.body = readable(body)
		tee := &teeWriter{ResponseWriter: rw, status: http.StatusOK}
		began := time.Now() // the demonstration's clock may be put forward meanwhile
		next.ServeHTTP(tee, r)
		c.took, c.status, c.answer = time.Since(began), tee.status, readable(tee.body.Bytes())
		l.mu.Lock()
		l.seq++
		c.seq = l.seq
		l.calls = append(l.calls, c)
		if over := len(l.calls) - keepCalls; over > 0 {
			l.calls = slices.Delete(l.calls, 0, over)
		}
		l.mu.Unlock()
		l.changed()
	})
}

func (l *apiLog) all() []apiCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// teeWriter keeps a copy of an answer.
type teeWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (t *teeWriter) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

func (t *teeWriter) Write(p []byte) (int, error) {
	t.body.Write(p)
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// readable is a body for people: indented where it is JSON, with secrets masked.
func readable(body []byte) string {
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") == nil {
		body = indented.Bytes()
	}
	return mask(string(body))
}

var (
	inJSON  = regexp.MustCompile(`("(?:access_token|corpsecret|response_code|ResponseCode)"\s*:\s*")([^"]*)`)
	inQuery = regexp.MustCompile(`((?:access_token|corpsecret|response_code)=)([^&\s"\\]+)`)
	inXML   = regexp.MustCompile(`(<ResponseCode>(?:<!\[CDATA\[)?)([^<\]]*)`)
)

// mask hides what opens doors.
func mask(text string) string {
	for _, form := range []*regexp.Regexp{inJSON, inQuery, inXML} {
		text = form.ReplaceAllStringFunc(text, func(m string) string {
			parts := form.FindStringSubmatch(m)
			return parts[1] + maskValue(parts[2])
		})
	}
	return text
}

func maskValue(secret string) string {
	if len(secret) < 16 {
		return "…"
	}
	return secret[:4] + "…"
}

// cutText shortens what would only fill the page.
func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
