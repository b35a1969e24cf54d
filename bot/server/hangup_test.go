package server

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
)

// hangsUp is a client that leaves as soon as it has the whole answer, as a proxy
// does that keeps no connections, or anybody whom a stopping server told to close.
type hangsUp struct {
	*httptest.ResponseRecorder
	leave context.CancelFunc
}

func (h hangsUp) Flush() {
	h.ResponseRecorder.Flush()
	h.leave()
}

// TestRobotHangUp: an answer that was read is not sent a second time because its
// reader has left since; one that nobody waited for any more still goes out.
func TestRobotHangUp(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"after the answer": false, "before it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.engine.reply("m1", doneCard)
			target, body := robotSeal().json(robotText("m1", "@Bot 验 7992697494"))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			if before {
				leave()
			}
			rec := hangsUp{httptest.NewRecorder(), leave}
			b.server.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "POST", target, strings.NewReader(body)))
			if got := len(b.engine.deliveries()); got != map[bool]int{true: 0, false: 1}[before] {
				t.Errorf("%d answers were recorded as delivered", got)
			}
		})
	}
}
