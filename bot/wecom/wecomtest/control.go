package wecomtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// controlHelp is what GET / of the control API answers.
const controlHelp = `wecomtest control API. Bodies and answers are JSON; an error is {"error": "…"}.
A conversation is app+user, robot+user, or group+user (with robot: mentioned).

POST   /say             {app|robot|group, user, text, quote}    Outcome
POST   /press           {app|robot|group, user, shown, key, selected:[{question_key, option_ids}]}
POST   /enter           {app|robot, user}
POST   /scan            {app, user, key, text}                  scancode_waitmsg
POST   /scan-push       {app, user, key, text}                  scancode_push
POST   /click           {app, user, key}                        an entry of the menu
POST   /subscribe       {app, user}
POST   /agent-event     {app, event, effect: seconds since 1970} Delivery; inactive_alert, …
POST   /picture         {app|robot|group, user, data: base64, spoil: {grow, truncate, wrong_key, broken_padding, expired, stall}}
POST   /mixed           {robot|group, user, parts: [{text} | {picture: base64, spoil}]}
POST   /voice           {app|robot|group, user, text}
POST   /resend          {delivery}                              Delivery
POST   /raw             {app|robot|group, user, text | plaintext, knobs} {status, body}; spoilt requests
POST   /verify-url      {app|robot}                             {ok, error}
POST   /poll                                                    {polled}; asks for stream frames once
POST   /faults          Fault                                   DELETE /faults ends all; api also
                        "picture", "ws", a command such as "aibot_send_msg", "sends", "frames"
POST   /socket/drop, /socket/lose, /socket/forget {robot}       break it; lose the subscription; forget req_ids
POST   /socket/kick, /socket/duplicate {robot, times}           another subscriber; callbacks sent twice
POST   /socket/frame    {robot, text}                           any frame to the client
POST   /group-cards     {respond, push}
POST   /pictures/expire
POST   /tokens/invalidate, /tokens/expire
POST   /trusted-ips     {ips: [...] | null}
POST   /callback-url    {app|robot, url}
POST   /users           {userid, name}
POST   /groups          {chatid, name, members, robots}
GET    /roster                                                  {apps, robots, users, groups}
GET    /screen?app=|robot=|group=&user=                         {version, shown}
GET    /wait?since=N&seconds=S                                  {version}; answers once version > N, or after S (20)
GET    /refusals /dropped
GET    /socket?robot=                                           {url, subscribed, open}
GET    /menu?app=                                               {menu}
GET    /reply?delivery=&n=1&seconds=S                           Delivery; answers once n frames answered it, or after S (20)
GET    /deliveries?after=N                                      {version, deliveries}; without the first N
GET    /calls?api=message/send                                  {calls}
`

// act is the body of most requests.
type act struct {
	Where
	Text      string     `json:"text"`
	Quote     string     `json:"quote"`
	Shown     string     `json:"shown"`
	Key       string     `json:"key"`
	Selected  []Selected `json:"selected"`
	Data      []byte     `json:"data"`
	Delivery  string     `json:"delivery"`
	Plaintext string     `json:"plaintext"`
	Knobs     Knobs      `json:"knobs"`
	URL       string     `json:"url"`
	IPs       []string   `json:"ips"`
	Spoil     Spoil      `json:"spoil"`
	Parts     []Part     `json:"parts"`
	Event     string     `json:"event"`
	Effect    int64      `json:"effect"`
	Times     int        `json:"times"`
}

// Control is the fake over HTTP, for tests in other processes and for web pages.
// GET / lists what it serves. An act goes on when its caller hangs up. It is
// meant for a machine's own use and asks for no password.
func (w *WeCom) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, controlHelp) })

	var post poster = func(path string, do func(ctx context.Context, a act) (any, error)) {
		mux.HandleFunc("POST "+path, func(rw http.ResponseWriter, r *http.Request) {
			var a act
			if !decodeControl(rw, r, &a) {
				return
			}
			out, err := do(context.WithoutCancel(r.Context()), a)
			answerControl(rw, out, err)
		})
	}
	post("/say", func(ctx context.Context, a act) (any, error) {
		return w.Say(ctx, a.Where, a.User, a.Text, Quoting(a.Quote))
	})
	post("/press", func(ctx context.Context, a act) (any, error) {
		return w.Press(ctx, a.Where, a.User, a.Shown, a.Key, a.Selected...)
	})
	post("/enter", func(ctx context.Context, a act) (any, error) { return w.Enter(ctx, a.Where, a.User) })
	post("/scan", func(ctx context.Context, a act) (any, error) { return w.Scan(ctx, a.Where, a.User, a.Key, a.Text) })
	post("/picture", func(ctx context.Context, a act) (any, error) {
		return w.SendPicture(ctx, a.Where, a.User, a.Data, a.Spoil)
	})
	post("/voice", func(ctx context.Context, a act) (any, error) { return w.Speak(ctx, a.Where, a.User, a.Text) })
	post("/resend", func(ctx context.Context, a act) (any, error) { return w.Resend(ctx, a.Delivery) })
	rest := controls{w}
	post("/raw", rest.raw)
	post("/verify-url", func(ctx context.Context, a act) (any, error) {
		err := w.VerifyURL(ctx, a.Where)
		if err == nil || errors.Is(err, ErrNotThere) {
			return object{"ok": err == nil}, err
		}
		return object{"ok": false, "error": err.Error()}, nil
	})
	post("/poll", func(ctx context.Context, _ act) (any, error) {
		n, err := w.Poll(ctx)
		return object{"polled": n}, err
	})
	post("/tokens/invalidate", func(context.Context, act) (any, error) { w.InvalidateTokens(); return object{}, nil })
	post("/tokens/expire", func(context.Context, act) (any, error) { w.ExpireTokens(); return object{}, nil })
	post("/trusted-ips", func(_ context.Context, a act) (any, error) { w.SetTrustedIPs(a.IPs); return object{}, nil })
	post("/callback-url", func(_ context.Context, a act) (any, error) {
		return object{}, w.SetCallbackURL(a.Where, a.URL)
	})
	mux.HandleFunc("POST /faults", func(rw http.ResponseWriter, r *http.Request) {
		addControl(rw, r, w.Fail)
	})
	mux.HandleFunc("DELETE /faults", func(rw http.ResponseWriter, _ *http.Request) {
		w.ClearFaults()
		answerControl(rw, object{}, nil)
	})
	mux.HandleFunc("POST /users", func(rw http.ResponseWriter, r *http.Request) { addControl(rw, r, w.AddUser) })
	mux.HandleFunc("POST /groups", func(rw http.ResponseWriter, r *http.Request) { addControl(rw, r, w.AddGroup) })
	rest.more(post)
	rest.socket(post)
	mux.HandleFunc("POST /group-cards", func(rw http.ResponseWriter, r *http.Request) { addControl(rw, r, w.SetGroupCards) })
	rest.reads(mux)
	return mux
}

// controls are the rest of the control API.
type controls struct{ *WeCom }

func (w controls) reads(mux *http.ServeMux) {
	mux.HandleFunc("GET /roster", func(rw http.ResponseWriter, _ *http.Request) { answerControl(rw, w.roster(), nil) })
	mux.HandleFunc("GET /screen", func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		where := Where{App: q.Get("app"), Robot: q.Get("robot"), Group: q.Get("group"), User: q.Get("user")}
		version := w.Version() // before the screen: a reader may see a change twice, but misses none
		answerControl(rw, object{"version": version, "shown": w.Screen(where)}, nil)
	})
	mux.HandleFunc("GET /wait", w.wait)
	mux.HandleFunc("GET /reply", w.reply)
	mux.HandleFunc("GET /socket", func(rw http.ResponseWriter, r *http.Request) {
		subscribed, open := w.Connected(r.URL.Query().Get("robot"))
		answerControl(rw, object{"url": w.SocketURL(), "subscribed": subscribed, "open": open}, nil)
	})
	mux.HandleFunc("GET /menu", func(rw http.ResponseWriter, r *http.Request) {
		answerControl(rw, object{"menu": orEmpty(w.Menu(r.URL.Query().Get("app")))}, nil)
	})
	mux.HandleFunc("GET /refusals", func(rw http.ResponseWriter, _ *http.Request) { answerControl(rw, orEmpty(w.Refusals()), nil) })
	mux.HandleFunc("GET /dropped", func(rw http.ResponseWriter, _ *http.Request) { answerControl(rw, orEmpty(w.Dropped()), nil) })
	mux.HandleFunc("GET /deliveries", func(rw http.ResponseWriter, r *http.Request) {
		after, err := queryInt(r, "after", 0)
		version, all := w.Version(), w.Deliveries()
		all = all[min(max(after, 0), int64(len(all))):]
		answerControl(rw, object{"version": version, "deliveries": all}, err)
	})
	mux.HandleFunc("GET /calls", func(rw http.ResponseWriter, r *http.Request) {
		answerControl(rw, object{"calls": w.Calls(r.URL.Query().Get("api"))}, nil)
	})
}

func (w controls) wait(rw http.ResponseWriter, r *http.Request) {
	since, err1 := queryInt(r, "since", 0)
	seconds, err2 := queryInt(r, "seconds", 20)
	if err := errors.Join(err1, err2); err != nil {
		answerControl(rw, nil, err)
		return
	}
	ctx, stop := w.within(r.Context(), time.Duration(min(max(seconds, 1), 300))*time.Second)
	defer stop()
	select {
	case <-w.Changed(since):
	case <-ctx.Done():
	}
	answerControl(rw, object{"version": w.Version()}, nil)
}

// raw seals a plaintext, spoils it and posts it once.
func (w controls) raw(ctx context.Context, a act) (any, error) {
	plain := []byte(a.Plaintext)
	if a.Plaintext == "" {
		var err error
		if plain, err = w.Plaintext(a.Where, a.User, a.Text); err != nil {
			return nil, err
		}
	}
	var req SealedRequest
	var err error
	if a.App != "" {
		req, err = w.EncryptApp(a.App, plain, a.Knobs)
	} else {
		req, err = w.EncryptRobot(a.Robot, plain, a.Knobs)
	}
	if err != nil {
		return nil, err
	}
	status, body, err := w.Post(ctx, req)
	return object{"status": status, "body": string(body)}, err
}

// roster is who and what there is, without secrets.
func (w controls) roster() object {
	w.mu.Lock()
	defer w.mu.Unlock()
	apps, robots := []object{}, []object{}
	for _, b := range w.apps {
		apps = append(apps, object{"name": b.name, "agentid": b.app.AgentID})
	}
	for _, b := range w.robots {
		robots = append(robots, object{"name": b.name, "display_name": b.title, "long_connection": b.long()})
	}
	users, groups := []User{}, []Group{}
	for _, u := range w.users {
		users = append(users, u)
	}
	for _, g := range w.groups {
		groups = append(groups, g)
	}
	byName := func(a, b object) int { return strings.Compare(a["name"].(string), b["name"].(string)) }
	slices.SortFunc(apps, byName)
	slices.SortFunc(robots, byName)
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(groups, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	return object{"apps": apps, "robots": robots, "users": users, "groups": groups}
}

func addControl[T any](rw http.ResponseWriter, r *http.Request, add func(T)) {
	var v T
	if decodeControl(rw, r, &v) {
		add(v)
		answerControl(rw, object{}, nil)
	}
}

// decodeControl reads a body; none at all is an empty one.
func decodeControl(rw http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(rw, r.Body, 32<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		answerControl(rw, nil, fmt.Errorf("request: %w", err))
		return false
	}
	return true
}

func answerControl(rw http.ResponseWriter, out any, err error) {
	switch {
	case err == nil:
		writeJSON(rw, http.StatusOK, out)
	case errors.Is(err, ErrNotThere):
		writeJSON(rw, http.StatusNotFound, object{"error": err.Error()})
	case errors.Is(err, ErrUnfinished):
		writeJSON(rw, http.StatusConflict, object{"error": err.Error()})
	case errors.Is(err, ErrClosed):
		writeJSON(rw, http.StatusServiceUnavailable, object{"error": err.Error()})
	default:
		writeJSON(rw, http.StatusBadRequest, object{"error": err.Error()})
	}
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func queryInt(r *http.Request, key string, def int64) (int64, error) {
	s := r.URL.Query().Get(key)
	if s == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number", key)
	}
	return n, nil
}
