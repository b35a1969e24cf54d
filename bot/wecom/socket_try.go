package wecom

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/coder/websocket"
)

// TrySocket subscribes as a robot once, and leaves: it shows that bot id and secret
// belong together, and takes the connection from whichever process holds it. What comes
// in meanwhile is lost.
func TrySocket(ctx context.Context, url, botID, secret, id string, client *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, dialWithin+ackWithin)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		return callError(cmdSubscribe, err, secret)
	}
	c := newConnection(ws, slog.New(slog.DiscardHandler), secret)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		c.read(context.WithoutCancel(ctx), func(inFrame) {})
	}()
	err = c.subscribe(ctx, botID, secret, id)
	c.leave()
	<-reading
	return err
}

// Code is the errcode with which WeCom has refused a call; 0: it has not, or the error is
// another.
func Code(err error) int64 { return apiCode(err) }
