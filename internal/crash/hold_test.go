package crash

import (
	"context"
	"fmt"
	"slices"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/douyin/douyintest"
)

// passHolds lets the time pass that operations wait which risk control keeps back, or may:
// a minute, after which they are asked about also where the platform's notice was lost, and
// then the 48 hours and a margin, after which none is kept back any more. The journal's
// times are put back instead of the clock.
func (l *lane) passHolds(ctx context.Context, places []wecomtest.Where) error {
	within, cancel := context.WithTimeout(ctx, quietWithin())
	defer cancel()
	if err := l.douyin.Await(within, func() bool {
		return !slices.ContainsFunc(l.douyin.Vouchers(), func(v douyintest.Voucher) bool { return v.State == douyintest.Held })
	}); err != nil {
		return fmt.Errorf("holds: %w", err)
	}
	const aMinute = `UPDATE operations SET due_at = UTC_TIMESTAMP(6) WHERE state = 'held' AND due_at > UTC_TIMESTAMP(6) + INTERVAL 20 SECOND`
	const twoDays = `UPDATE operations SET due_at = UTC_TIMESTAMP(6), sent_at = sent_at - INTERVAL 49 HOUR, called_at = called_at - INTERVAL 50 HOUR,
		doubt_since = doubt_since - INTERVAL 50 HOUR WHERE ` + waiting
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for served := time.Now().Add(tokenRefused); ; { // until then a question may go unsent, or one under way have met a fault
		last := time.Now().After(served)
		if _, err := l.db.ExecContext(ctx, aMinute); err != nil {
			return fmt.Errorf("holds: %w", err)
		}
		if err := l.asked(within); err != nil {
			return err
		}
		err := l.verifiedKnown(ctx)
		if err == nil {
			break
		}
		if last {
			return err
		}
		<-again.C
	}
	if _, err := l.db.ExecContext(ctx, twoDays); err != nil {
		return fmt.Errorf("holds: %w", err)
	}
	return l.quiet(ctx, places, true)
}

// asked waits until each operation that is kept back was asked about.
func (l *lane) asked(ctx context.Context) error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		var n int
		err := l.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM operations WHERE state = 'held' AND due_at < UTC_TIMESTAMP(6) + INTERVAL 20 SECOND`).Scan(&n)
		if err == nil && n == 0 {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%d operations that are kept back are not asked about (%v): %s", n, err, l.leftovers())
		}
	}
}

// verifiedKnown fails where an operation is still taken for kept back that is verified.
func (l *lane) verifiedKnown(ctx context.Context) error {
	rows, err := l.db.QueryContext(ctx, `SELECT code FROM operations WHERE state = 'held'`)
	if err != nil {
		return fmt.Errorf("holds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var code string
		if err := rows.Scan(&code); err != nil {
			return fmt.Errorf("holds: %w", err)
		}
		if v, known := l.douyin.Voucher(code); known && v.Visits == 0 && v.State == douyintest.Consumed {
			return fmt.Errorf("%s is verified, asked about and still taken for held", code)
		}
	}
	return rows.Err()
}
