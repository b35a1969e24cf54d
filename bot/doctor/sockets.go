package doctor

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/models"
)

// socketCheck is about long connections.
type socketCheck struct{ *checker }

// run opens a connection where each robot with mode: websocket has its own, and
// closes it again. It does not subscribe: that would take the connection from serve.
func (c socketCheck) run(ctx context.Context) {
	for _, b := range c.robots(config.ModeWebSocket) {
		dial, cancel := context.WithTimeout(ctx, 10*time.Second)
		ws, resp, err := websocket.Dial(dial, b.URL, &websocket.DialOptions{HTTPClient: c.http})
		cancel()
		switch {
		case err == nil:
			_ = ws.CloseNow()
			c.good("long connection %s: %s takes connections; bot_id and secret are only tried by serve", b.Name, b.URL)
		case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
			c.bad("check url of this robot, and whether a proxy in between passes WebSockets on", "long connection %s: %s answers %d", b.Name, b.URL, resp.StatusCode)
		default:
			c.bad("check name resolution, firewall and proxy of this machine (port 443, outbound), and url of this robot", "long connection %s: %s cannot be reached: %v", b.Name, b.URL, plain(err))
		}
	}
}

// holders tells which process is connected.
func (c socketCheck) holders(ctx context.Context, db *models.DB) {
	for _, b := range c.robots(config.ModeWebSocket) {
		l, err := db.Leases.Get(ctx, app.SocketLease(b))
		switch {
		case err != nil && !errors.Is(err, models.ErrNotFound):
			c.bad("see the message", "long connection %s: %v", b.Name, err)
		case err != nil || !l.EndsAt.After(db.Now()):
			c.warn("start serve; if it runs, its log and /metrics (yanquan_connected) say why", "long connection %s: no process holds it", b.Name)
		default:
			c.good("long connection %s: held by %s", b.Name, l.Holder)
		}
	}
}
