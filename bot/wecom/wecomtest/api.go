package wecomtest

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

// maxBody bounds a JSON request.
const maxBody = 2 << 20

// apiCall is one request to the API, after the checks that all share.
type apiCall struct {
	bot  *bot // app of the token; nil where none is needed
	r    *http.Request
	body object // POST with JSON
}

// httpAPI is the fake as programs call it by HTTP.
type httpAPI struct{ *WeCom }

func (w httpAPI) routes() {
	w.mux = http.NewServeMux()
	w.route("gettoken", http.MethodGet, false, httpAPI.getToken)
	w.route("getcallbackip", http.MethodGet, true, httpAPI.getCallbackIP)
	w.route("user/get", http.MethodGet, true, httpAPI.getUser)
	w.route("auth/getuserinfo", http.MethodGet, true, httpAPI.getVisitor)
	w.route("batch/openuserid_to_userid", http.MethodPost, true, httpAPI.getUserIDs)
	w.route("message/send", http.MethodPost, true, httpAPI.sendMessage)
	w.route("message/update_template_card", http.MethodPost, true, httpAPI.updateTemplateCard)
	w.route("webhook/send", http.MethodPost, false, httpAPI.sendByWebhook)
	w.route("aibot/response", http.MethodPost, false, httpAPI.respond)
	w.route("menu/create", http.MethodPost, true, httpAPI.createMenu)
	w.mux.HandleFunc("GET "+socketPath, longConnection(w).serveSocket)
	w.mediaRoutes()
}

// route serves an API whose answer is JSON. The handler runs with mu held.
func (w httpAPI) route(api, method string, needsToken bool, handle func(httpAPI, *apiCall) (object, *apiError)) {
	w.mux.HandleFunc("/cgi-bin/"+api, func(rw http.ResponseWriter, r *http.Request) {
		w.serve(rw, r, api, func() (func(), *apiError) {
			call := &apiCall{r: r}
			body, malformed := readObject(rw, r, method)
			call.body = body

			w.mu.Lock()
			defer w.mu.Unlock()
			var out object
			var refusal *apiError
			if needsToken {
				call.bot, refusal = w.authorise(r)
			}
			if refusal == nil {
				refusal = malformed
			}
			if refusal == nil {
				out, refusal = handle(w, call)
			}
			if refusal != nil {
				w.refused(call.bot, api, refusal)
				return nil, refusal
			}
			return func() { w.succeed(rw, out) }, nil
		})
	})
}

// readObject checks the method and reads the JSON of a POST.
func readObject(rw http.ResponseWriter, r *http.Request, method string) (object, *apiError) {
	if r.Method != method {
		return nil, refusef(40058, "invalid request method %s", r.Method)
	}
	if method != http.MethodPost {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		return nil, refusef(40058, "request body too large or broken")
	}
	o, err := parseObject(body)
	if err != nil {
		return nil, refusef(40058, "invalid Request Parameter: %s", err)
	}
	return o, nil
}

// serve plays faults around the work. The work returns how to answer.
func (w httpAPI) serve(rw http.ResponseWriter, r *http.Request, api string, work func() (func(), *apiError)) {
	w.mu.Lock()
	f := w.takeFault(api)
	w.mu.Unlock()
	if f.Delay > 0 && !f.After && !w.pause(rw, r, f.Delay) {
		return
	}
	if f.instead() && !f.After {
		w.play(rw, r, f)
		return
	}
	answer, refusal := work()
	if f.Delay > 0 && f.After && !w.pause(rw, r, f.Delay) {
		return
	}
	switch {
	case f.instead():
		w.play(rw, r, f)
	case refusal != nil:
		w.fail(rw, r, refusal)
	default:
		answer()
	}
}

func (w httpAPI) pause(rw http.ResponseWriter, r *http.Request, d time.Duration) bool {
	ctx, stop := w.within(r.Context(), 0)
	defer stop()
	if w.opt.Sleep(ctx, d) == nil {
		return true
	}
	dropConnection(rw)
	return false
}

func (w httpAPI) succeed(rw http.ResponseWriter, out object) {
	full := object{"errcode": 0, "errmsg": "ok"}
	maps.Copy(full, out)
	writeJSON(rw, http.StatusOK, full)
}

// fail answers an errcode. The text carries a hint and the caller's address like
// the real one, which is how operators learn what to enter as a trusted IP.
func (w httpAPI) fail(rw http.ResponseWriter, r *http.Request, e *apiError) {
	hint := w.opt.Now().UnixNano()
	writeJSON(rw, http.StatusOK, object{"errcode": e.Code, "errmsg": fmt.Sprintf(
		"%s, hint: [%d], from ip: %s, more info at https://open.work.weixin.qq.com/devtool/query?e=%d",
		e.Text, hint, callerIP(r), e.Code)})
}

func writeJSON(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(encodeJSON(v))
}

func callerIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// token is an access_token.
type token struct {
	bot     *bot
	expires time.Time
	void    bool // made invalid before its time
}

// getToken hands out the token in force (page 91039): the same one until it expires.
func (w httpAPI) getToken(c *apiCall) (object, *apiError) {
	q := c.r.URL.Query()
	if q.Get("corpid") == "" {
		return nil, refusef(41002, "corpid missing")
	}
	if q.Get("corpsecret") == "" {
		return nil, refusef(41004, "corpsecret missing")
	}
	var app *bot
	corpKnown := false
	for _, b := range w.apps {
		if b.app.CorpID == q.Get("corpid") {
			corpKnown = true
			if b.app.Secret == q.Get("corpsecret") {
				app = b
			}
		}
	}
	if !corpKnown {
		return nil, refusef(40013, "invalid corpid")
	}
	if app == nil {
		return nil, refusef(40001, "invalid credential")
	}
	now := w.opt.Now()
	value := w.current[app]
	t := w.tokens[value]
	if t == nil || t.void || !now.Before(t.expires) {
		// Long, because callers are told to reserve 512 bytes.
		value, t = w.newID(300), &token{bot: app, expires: now.Add(tokenLife)}
		w.tokens[value], w.current[app] = t, value
	}
	return object{"access_token": value, "expires_in": int(t.expires.Sub(now) / time.Second)}, nil
}

// InvalidateTokens makes all tokens invalid before their time: 40014 from now on.
func (w *WeCom) InvalidateTokens() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tokens {
		t.void = true
	}
}

// ExpireTokens makes all tokens expire now: 42001 from now on.
func (w *WeCom) ExpireTokens() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tokens {
		t.expires = w.opt.Now()
	}
}

// authorise checks token and address. Where the address is refused, it still tells
// whose token it was. Callers hold mu.
func (w httpAPI) authorise(r *http.Request) (*bot, *apiError) {
	value := r.URL.Query().Get("access_token")
	if value == "" {
		return nil, refusef(41001, "access_token missing")
	}
	t := w.tokens[value]
	if t == nil || t.void {
		return nil, refusef(40014, "invalid access_token")
	}
	if !w.opt.Now().Before(t.expires) {
		return nil, refusef(42001, "access_token expired")
	}
	if w.trusted != nil && !slices.Contains(w.trusted, callerIP(r)) {
		return t.bot, refusef(60020, "not allow to access from your ip")
	}
	return t.bot, nil
}

// agent checks the agentid of a request against the app of its token.
func (w httpAPI) agent(c *apiCall) *apiError {
	r := &reader{}
	id, ok := r.integer(c.body, "agentid")
	if r.err != nil {
		return r.err
	}
	if ok && id == c.bot.app.AgentID {
		return nil
	}
	for _, b := range w.apps {
		if ok && b.app.AgentID == id && b.app.CorpID == c.bot.app.CorpID {
			return refusef(301002, "not allow operate another agent with this accesstoken")
		}
	}
	return refusef(40056, "invalid agentid")
}

func (w httpAPI) getCallbackIP(*apiCall) (object, *apiError) {
	return object{"ip_list": []string{"192.0.2.0/24", "198.51.100.*", "203.0.113.7"}}, nil
}
