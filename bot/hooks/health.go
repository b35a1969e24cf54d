package hooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// succeeded notes that a hook took an event. Where it had failed, what got no answer is
// sent at once, and managers who know of it are told.
func (s *Sender) succeeded(ctx context.Context, t *target, before models.Hook) error {
	if before.Failures == 0 {
		return nil
	}
	err := s.DB.Tx(ctx, func(tx *models.DB) error {
		told, err := tx.Hooks.NoteSuccess(ctx, t.Name)
		if err != nil {
			return err
		}
		if before.Failures >= restAfter {
			if err := tx.HookEvents.Hasten(ctx, t.Name); err != nil {
				return err
			}
		}
		if !told {
			return nil
		}
		return s.Tell(ctx, tx, keyOf(t.Name, "back", tx.Now()), bot.Card{
			Source: "验券", Title: "其他系统又能收到通知了", Tone: bot.Good, Text: fmt.Sprintf("「%s」恢复了，积压的通知正在按顺序补发。", t.Name),
		})
	})
	if errors.Is(err, models.ErrStale) {
		return nil // another try heard that it is gone
	}
	if err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	if before.Failures >= restAfter {
		s.Log.Info("hook is back", "hook", t.Name, "failures", before.Failures)
	}
	return nil
}

// failed notes that a hook did not take an event, and when it is tried again.
func (s *Sender) failed(ctx context.Context, t *target, d models.HookDelivery, a answer) error {
	if a.reason == gone {
		return s.endHook(ctx, t, d, a)
	}
	at, last := s.again(d, a)
	var err error
	if last {
		err = s.giveUp(ctx, t, d, a)
	} else {
		err = s.DB.HookEvents.Retry(ctx, d, a.reason, a.status, at)
	}
	if err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	before, err := s.DB.Hooks.Get(ctx, t.Name)
	if err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	// A long wait may be asked for one event alone: the others try their luck.
	next := s.Now().Add(max(s.rest(before.Failures+1), min(a.after, longestRest)))
	row, err := s.DB.Hooks.NoteFailure(ctx, t.Name, a.reason, a.status, next)
	if err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	if row.Failures < restAfter || s.Now().Sub(row.FailingSince) < deadAfter || !row.ToldAt.IsZero() {
		return nil
	}
	return s.tellDead(ctx, row)
}

// deadQuiet is how long managers are left in peace about a hook that fails again: one that
// refuses some events and takes others does so time and again.
const deadQuiet = 6 * time.Hour

// tellDead tells managers once that a hook fails.
func (s *Sender) tellDead(ctx context.Context, row models.Hook) error {
	err := s.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.Alerts.Claim(ctx, "hook/"+row.Name+"/dead", deadQuiet)
		if err != nil || !fresh {
			return err
		}
		if err := tx.Hooks.Tell(ctx, row.Name); err != nil {
			return err
		}
		return s.Tell(ctx, tx, keyOf(row.Name, "dead", row.FailingSince), bot.Card{
			Source: "验券", Title: "其他系统收不到通知", Tone: bot.Bad,
			Text: fmt.Sprintf("「%s」（%s）从 %s 起收不到核销通知：%s。核销不受影响。每条通知会再试三天，恢复以后自动补发。请联系负责那个系统的人。",
				row.Name, row.Host, row.FailingSince.In(s.Location).Format("01-02 15:04"), Why(row)),
		})
	})
	if errors.Is(err, models.ErrStale) {
		return nil // another process told
	}
	return err
}

// endHook stops sending to a hook that says it is gone.
func (s *Sender) endHook(ctx context.Context, t *target, d models.HookDelivery, a answer) error {
	err := s.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.HookEvents.Fail(ctx, d, a.reason, a.status); err != nil {
			return err
		}
		err := tx.Hooks.MarkGone(ctx, t.Name, a.reason, a.status)
		if errors.Is(err, models.ErrStale) {
			return nil // another try heard it, too
		}
		if err != nil {
			return err
		}
		return s.Tell(ctx, tx, keyOf(t.Name, "gone", tx.Now()), bot.Card{
			Source: "验券", Title: "其他系统不再接收通知", Tone: bot.Bad,
			Text: fmt.Sprintf("「%s」回答说这个地址已经停用（HTTP 410），不再给它发通知。核销不受影响。要恢复，请管理员改正配置里 hooks 的地址，或者运行 yanquan hooks replay。", t.Name),
		})
	})
	if err != nil {
		return err
	}
	return s.giveUpAll(ctx, t.Name)
}

// giveUpAll gives up what is queued for a hook that is gone.
func (s *Sender) giveUpAll(ctx context.Context, name string) error {
	return untilNone(func() (int, error) { return s.DB.HookEvents.GiveUp(ctx, name, gone) })
}

// untilNone does a part of some work until nothing is left of it.
func untilNone(part func() (int, error)) error {
	for {
		if n, err := part(); err != nil || n == 0 {
			return err
		}
	}
}

// givenUpQuiet is how long managers are left in peace about events that were given up.
const givenUpQuiet = 24 * time.Hour

// giveUp gives an event up whose time is over, and tells managers.
func (s *Sender) giveUp(ctx context.Context, t *target, d models.HookDelivery, a answer) error {
	s.Log.Error("an event is given up after three days; yanquan hooks replay sends it again", "hook", t.Name, "event", d.EventID, "reason", a.reason, "status", a.status)
	return s.DB.Tx(ctx, func(tx *models.DB) error {
		if err := tx.HookEvents.Fail(ctx, d, a.reason, a.status); err != nil {
			return err
		}
		return s.tellGivenUp(ctx, tx, t.Name)
	})
}

func (s *Sender) tellGivenUp(ctx context.Context, tx *models.DB, name string) error {
	fresh, err := tx.Alerts.Claim(ctx, "hook/"+name+"/given up", givenUpQuiet)
	if err != nil || !fresh {
		return err
	}
	return s.Tell(ctx, tx, keyOf(name, "given up", tx.Now()), bot.Card{
		Source: "验券", Title: "有通知没有送到其他系统", Tone: bot.Bad,
		Text: fmt.Sprintf("发给「%s」的通知试了三天没有送到，不再自动重试。那个系统恢复以后，请管理员运行 yanquan hooks replay --hook %s 补发。", name, name),
	})
}

// upkeep gives up what its time is over for while a hook rests, and what came for one that
// is gone.
func (s *Sender) upkeep(ctx context.Context) error {
	rows, err := s.DB.Hooks.List(ctx)
	if err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	for _, row := range rows {
		if !row.Active {
			continue
		}
		end := s.expire
		if !row.GoneAt.IsZero() {
			end = s.giveUpAll
		}
		if err := end(ctx, row.Name); err != nil {
			return fmt.Errorf("hooks: %w", err)
		}
	}
	return nil
}

// expire gives up what its time is over for, and tells managers.
func (s *Sender) expire(ctx context.Context, name string) error {
	return untilNone(func() (n int, err error) {
		err = s.DB.Tx(ctx, func(tx *models.DB) error {
			n, err = tx.HookEvents.Expire(ctx, name, expired, s.Now().Add(-givenUpRest))
			if err != nil || n == 0 {
				return err
			}
			return s.tellGivenUp(ctx, tx, name)
		})
		return n, err
	})
}

// keyOf names what managers are told, once.
func keyOf(name, what string, at time.Time) string {
	return "hook/" + name + "/" + what + "/" + at.UTC().Format(time.RFC3339Nano)
}

// whys say in words why a hook does not take events.
var whys = map[string]string{
	timedOut: "没有在 10 秒内回答", unreachable: "连不上", noName: "找不到这个地址", badTLS: "它的证书不能信任",
	notPublic: "地址在内网，配置里没有允许（allow_private）", redirected: "它要求转到另一个地址，而我不会跟过去", gone: "它说这个地址已经停用",
}

// Why says in words why a hook does not take events.
func Why(h models.Hook) string {
	why := whys[reasonOf(h)]
	switch {
	case why == "":
		return fmt.Sprintf("它回答 HTTP %d", h.Status)
	case h.Status != 0:
		return fmt.Sprintf("%s（HTTP %d）", why, h.Status)
	}
	return why
}

// State says in words how a hook does.
func State(h models.Hook, loc *time.Location) string {
	switch {
	case !h.Active:
		return "配置里没有了"
	case !h.GoneAt.IsZero():
		return h.GoneAt.In(loc).Format("01-02 15:04") + " 起停用：" + Why(h)
	case h.Failures >= restAfter:
		return h.FailingSince.In(loc).Format("01-02 15:04") + " 起收不到：" + Why(h)
	case h.Failures > 0:
		return "上一条没有收到：" + Why(h)
	}
	return "正常"
}

// Fails reports whether a hook has failed for so long that it is not by chance.
func Fails(h models.Hook) bool { return !h.GoneAt.IsZero() || h.Failures >= restAfter }
