package chat

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A robot's name that was taken for what was said leaves a hint for the operator, not
// for every text.
func TestBuriedCommandLeavesAHint(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		var log bytes.Buffer
		b.configure(func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		const text = "@天下 无难事 验 " + Code
		has(t, b.say("zhangsan", text), "没看懂")
		has(t, b.say("zhangsan", text), "没看懂")
		b.say("zhangsan", "@天下 你好")
		if n := strings.Count(log.String(), "set display_name"); n != 1 {
			t.Errorf("%d hints:\n%s", n, log.String())
		}
		at, err := b.db.Alerts.Told(t.Context(), NameHint(robot))
		if err != nil || at.IsZero() {
			t.Errorf("%v, %v", at, err)
		}
		b.clock.Advance(24 * time.Hour)
		b.say("zhangsan", text)
		if n := strings.Count(log.String(), "set display_name"); n != 2 {
			t.Errorf("%d hints:\n%s", n, log.String())
		}
		b.effects(Code, 0, 0)
	})
}
