package grants

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"yanquan/douyin"
	"yanquan/models"
	"yanquan/models/modelstest"
)

type renewer func(context.Context) error

func (r renewer) RenewToken(ctx context.Context) error { return r(ctx) }

// Managers are told what only people can mend of an application's token, once a day.
func TestApplicationTrouble(t *testing.T) {
	t.Parallel()
	clock, told := modelstest.NewClock(start), &told{keys: map[string]bool{}}
	var renewal error
	var kept models.AppToken
	asked := 0
	a := &Application{
		Client: renewer(func(context.Context) error { asked++; return renewal }),
		Token:  func(context.Context) (models.AppToken, error) { return kept, nil },
		DB:     modelstest.SQLite(t, modelstest.WithClock(clock)), Tell: told, Location: time.FixedZone("CST", 8*3600), Log: slog.New(slog.DiscardHandler),
	}
	for i, step := range []struct {
		renewal   error
		displaced time.Time
		after     time.Duration
		want      []string
	}{
		{nil, time.Time{}, 0, nil},
		{&douyin.Error{Class: douyin.Throttled}, time.Time{}, time.Minute, nil}, // ends by itself
		{fmt.Errorf("renew: %w", &douyin.Error{Class: douyin.Misconfigured}), time.Time{}, time.Minute, []string{"抖音不给接口凭证"}},
		{&douyin.Error{Class: douyin.Misconfigured}, time.Time{}, time.Hour, nil},
		{&douyin.Error{Class: douyin.Misconfigured}, time.Time{}, 24 * time.Hour, []string{"抖音不给接口凭证"}},
		{nil, start, time.Minute, nil}, // long over
		{nil, start.Add(25 * time.Hour), time.Minute, []string{"抖音的接口凭证被别处换掉了"}},
		{nil, start.Add(26 * time.Hour), time.Minute, nil},
	} {
		clock.Advance(step.after)
		renewal, kept.DisplacedAt = step.renewal, step.displaced
		if err := a.Watch(t.Context()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if got := told.titles(); fmt.Sprint(got) != fmt.Sprint(step.want) {
			t.Errorf("step %d: told %v, want %v", i, got, step.want)
		}
		if asked != i+1 {
			t.Errorf("step %d: renewed %d times", i, asked)
		}
	}
}
