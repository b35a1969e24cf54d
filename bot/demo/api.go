package demo

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

//go:embed web
var web embed.FS

// pollTime is how long a page waits for news before it asks again.
const pollTime = 25 * time.Second

// servePage serves the chat page until ctx ends, and then waits for what its
// people are still saying.
func (w *world) servePage(ctx context.Context, ln net.Listener) error {
	page, err := w.page(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	handler, idle, err := w.beside(page)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer idle()
	srv := &http.Server{
		Handler: guard(ln.Addr().String(), handler), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	unhook := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		err := srv.Shutdown(bounded)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		stopped <- err
	})
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		if unhook() {
			return fmt.Errorf("demo: page: %w", err)
		}
	}
	return <-stopped
}

// page has the routes of the chat page. ctx ends with the demonstration; a
// message that was sent is delivered even where the browser leaves.
//
//	GET  /                the page
//	GET  /api/state       the page's state; ?as=USERID whose phone, &after=VERSION
//	                      waits for a change
//	GET  /api/media/{id}  a picture or file that was received
//	POST /api/say         {person, chat, text, mention}
//	POST /api/press       {person, chat, message, key}
//	POST /api/photo       {person, shop, code}: of a voucher's QR code, to the app
//	POST /api/mischief    {shop, kind}
//	POST /api/sell        {shop}
//	POST /api/tonight     {}
//
// A refusal is {"error": "…"} in words for the person at the page.
func (w *world) page(ctx context.Context) (http.Handler, error) {
	files, err := fs.Sub(web, "web")
	if err != nil {
		return nil, fmt.Errorf("demo: page: %w", err)
	}
	mux := http.NewServeMux()
	static := http.FileServerFS(files)
	mux.HandleFunc("GET /", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Cache-Control", "no-cache") // the next version of the program serves the same names
		static.ServeHTTP(rw, r)
	})
	mux.HandleFunc("GET /api/state", w.state)
	mux.HandleFunc("GET /api/media/{id}", w.medium)
	mux.HandleFunc("POST /api/say", taking(func(in sayIn) error { return w.say(ctx, in) }))
	mux.HandleFunc("POST /api/press", taking(func(in pressIn) error { return w.press(ctx, in) }))
	mux.HandleFunc("POST /api/photo", taking(func(in photoIn) error { return w.photo(ctx, in) }))
	mux.HandleFunc("POST /api/mischief", taking(func(in mischiefIn) error {
		c, err := w.counter(in.Shop)
		if err != nil {
			return err
		}
		return c.misbehave(in.Kind)
	}))
	mux.HandleFunc("POST /api/tonight", taking(func(struct{}) error { w.tonight(); return nil }))
	mux.HandleFunc("POST /api/sell", taking(func(in sellIn) error {
		c, err := w.counter(in.Shop)
		if err != nil {
			return err
		}
		return c.sellAnother()
	}))
	return strict(mux), nil
}

type sayIn struct {
	Person  string `json:"person"`
	Chat    string `json:"chat"`
	Text    string `json:"text"`
	Mention bool   `json:"mention"` // put @bot before it
}

type pressIn struct {
	Person  string `json:"person"`
	Chat    string `json:"chat"`
	Message string `json:"message"`
	Key     string `json:"key"`
}

type photoIn struct {
	Person string `json:"person"`
	Shop   string `json:"shop"`
	Code   string `json:"code"`
}

type mischiefIn struct {
	Shop string `json:"shop"`
	Kind string `json:"kind"`
}

type sellIn struct {
	Shop string `json:"shop"`
}

// badRequest is a refusal in words for the person at the page.
type badRequest string

func (e badRequest) Error() string { return string(e) }

func (w *world) shop(id string) (*shop, error) {
	i := slices.IndexFunc(w.shops, func(s *shop) bool { return s.ID == id })
	if i < 0 {
		return nil, badRequest("没有这家店。")
	}
	return w.shops[i], nil
}

// chatOf finds a conversation that a person takes part in.
func chatOf(id, personID string) (chat, error) {
	c := chatByID(id)
	if !slices.Contains(c.Members, personID) {
		return chat{}, badRequest("不在这个会话里。")
	}
	return c, nil
}

func chatsOf(personID string) []chat {
	return slices.DeleteFunc(slices.Clone(chats), func(c chat) bool { return !slices.Contains(c.Members, personID) })
}

// say returns when the bot has the message; it is on the screen long before.
func (w *world) say(ctx context.Context, in sayIn) error {
	c, err := chatOf(in.Chat, in.Person)
	if err != nil {
		return err
	}
	if strings.TrimSpace(in.Text) == "" {
		return badRequest("还没有写字。")
	}
	at := where(c, in.Person)
	if c.Group && in.Mention {
		at = at.Mention(robotName)
	}
	out, err := w.wecom.Say(ctx, at, in.Person, in.Text)
	for _, d := range out.Deliveries {
		if d.ID != "" && !d.Accepted() {
			w.setFailure(out.Shown, "机器人没有收到")
		}
	}
	return err
}

func (w *world) press(ctx context.Context, in pressIn) error {
	c, err := chatOf(in.Chat, in.Person)
	if err != nil {
		return err
	}
	out, err := w.wecom.Press(ctx, where(c, in.Person), in.Person, in.Message, in.Key)
	if err != nil {
		return err
	}
	if d := out.Delivery(); !d.Accepted() {
		return badRequest("机器人没有回应这次点击，请再按一次。")
	}
	return nil
}

// snapshot is all that the page shows.
type snapshot struct {
	Version   string      `json:"version"`
	Now       int64       `json:"now"` // ms since 1970
	Problem   string      `json:"problem"`
	As        string      `json:"as"` // whose phone
	People    []person    `json:"people"`
	Chats     []chat      `json:"chats"`
	Messages  []message   `json:"messages"`
	Shops     []shopView  `json:"shops"`
	Mischiefs []mischief  `json:"mischiefs"`
	Wire      []wireEntry `json:"wire"`
}

type shopView struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Note     string   `json:"note"`
	Chat     string   `json:"chat"`
	Mischief string   `json:"mischief"`
	Vouchers []ticket `json:"vouchers"`
}

// look takes a snapshot for a browser that is at an address. Its version is made from its content, so that it also
// means something after a restart.
func (w *world) look(personID, origin string) (snapshot, error) {
	messages, err := w.as(origin, w.messages(personID))
	if err != nil {
		return snapshot{}, err
	}
	w.mu.Lock()
	s := snapshot{Problem: w.problem}
	w.mu.Unlock()
	s.As, s.People, s.Chats, s.Mischiefs = personID, people, chats, mischiefs
	s.Messages, s.Wire = messages, w.wire()
	for _, c := range w.counters() {
		one := c.about()
		s.Shops = append(s.Shops, shopView{
			ID: one.ID, Name: one.Name, Note: one.Note, Chat: one.Chat,
			Mischief: c.mischief(), Vouchers: c.tickets(),
		})
	}
	content, err := json.Marshal(s)
	if err != nil {
		return snapshot{}, fmt.Errorf("demo: state: %w", err)
	}
	sum := sha256.Sum256(content)
	s.Version = hex.EncodeToString(sum[:8])
	s.Now = w.clock.now().UnixMilli()
	return s, nil
}

func (w *world) state(rw http.ResponseWriter, r *http.Request) {
	as, after := r.FormValue("as"), r.FormValue("after")
	if as == "" {
		as = people[0].ID
	}
	if !slices.ContainsFunc(people, func(p person) bool { return p.ID == as }) {
		refuse(rw, http.StatusNotFound, "没有这个人。")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pollTime)
	defer cancel()
	for {
		news := w.news()
		s, err := w.look(as, originOf(r))
		if err != nil {
			refuse(rw, http.StatusInternalServerError, "演示页出了问题。")
			return
		}
		if s.Version != after || ctx.Err() != nil {
			rw.Header().Set("Cache-Control", "no-store")
			answer(rw, http.StatusOK, s)
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
}

// taking makes a handler that reads a T and does something with it.
func taking[T any](do func(T) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			refuse(rw, http.StatusUnsupportedMediaType, "只接受 JSON。")
			return
		}
		var in T
		dec := json.NewDecoder(http.MaxBytesReader(rw, r.Body, 64<<10))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			refuse(rw, http.StatusBadRequest, "请求看不懂。")
			return
		}
		var bad badRequest
		switch err := do(in); {
		case err == nil:
			answer(rw, http.StatusOK, struct{}{})
		case errors.As(err, &bad):
			refuse(rw, http.StatusBadRequest, string(bad))
		case errors.Is(err, wecomtest.ErrUnfinished):
			refuse(rw, http.StatusTooManyRequests, "有三条消息还没有回答完，请等一下再发。")
		case errors.Is(err, wecomtest.ErrNotThere):
			refuse(rw, http.StatusNotFound, "这个按钮已经不在了。")
		case errors.Is(err, wecomtest.ErrClosed), errors.Is(err, context.Canceled):
			refuse(rw, http.StatusServiceUnavailable, "演示正在结束。")
		default:
			refuse(rw, http.StatusInternalServerError, "没有成功："+err.Error())
		}
	}
}

func answer(rw http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(rw, "cannot be shown", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // a browser that left does not need it
}

func refuse(rw http.ResponseWriter, status int, why string) {
	answer(rw, status, map[string]string{"error": why})
}
