package wecomtest

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// poster registers an act.
type poster func(path string, do func(ctx context.Context, a act) (any, error))

// more are pictures, menus and events.
func (w controls) more(post poster) {
	post("/mixed", func(ctx context.Context, a act) (any, error) { return w.SayMixed(ctx, a.Where, a.User, a.Parts...) })
	post("/scan-push", func(ctx context.Context, a act) (any, error) {
		return w.ScanPush(ctx, a.Where, a.User, a.Key, a.Text)
	})
	post("/click", func(ctx context.Context, a act) (any, error) { return w.Click(ctx, a.Where, a.User, a.Key) })
	post("/subscribe", func(ctx context.Context, a act) (any, error) { return w.Subscribe(ctx, a.Where, a.User) })
	post("/agent-event", func(ctx context.Context, a act) (any, error) {
		return w.AgentEvent(ctx, a.App, a.Event, time.Unix(a.Effect, 0))
	})
	post("/pictures/expire", func(context.Context, act) (any, error) { w.ExpirePictures(); return object{}, nil })
}

// socket is what happens to long connections.
func (w controls) socket(post poster) {
	do := func(path string, f func(robot string) error) {
		post("/socket/"+path, func(_ context.Context, a act) (any, error) { return object{}, f(a.Robot) })
	}
	do("drop", w.DropConnection)
	do("lose", w.LoseSubscription)
	do("forget", w.ForgetRequests)
	times := func(path string, f func(robot string, times int) error) {
		post("/socket/"+path, func(_ context.Context, a act) (any, error) { return object{}, f(a.Robot, max(a.Times, 1)) })
	}
	times("kick", w.Kick)
	times("duplicate", w.Duplicate)
	post("/socket/frame", func(ctx context.Context, a act) (any, error) {
		return object{}, w.PushFrame(ctx, a.Robot, []byte(a.Text))
	})
}

// reply answers with the delivery as it is, at the latest after some seconds.
func (w controls) reply(rw http.ResponseWriter, r *http.Request) {
	n, err1 := queryInt(r, "n", 1)
	seconds, err2 := queryInt(r, "seconds", 20)
	if err := errors.Join(err1, err2); err != nil {
		answerControl(rw, nil, err)
		return
	}
	ctx, stop := context.WithTimeout(r.Context(), time.Duration(min(max(seconds, 1), 300))*time.Second)
	defer stop()
	d, err := w.WaitReply(ctx, r.URL.Query().Get("delivery"), int(n))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = nil
	case errors.Is(err, ErrNotThere):
		err = errors.New("no such delivery") // 404 is for paths
	}
	answerControl(rw, d, err)
}
