package models_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestTakeNotice(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		same(t, must(db.Notices.Record(ctx, "meituan", "n1")), true)
		same(t, must(db.Notices.Record(ctx, "meituan", "n1")), false)
		same(t, must(db.Notices.Record(ctx, "meituan", "N1")), true)
		same(t, must(db.Notices.Record(ctx, "dianping", "n1")), true)

		// It is taken with what it says, or not at all.
		stop := errors.New("stop")
		for i, result := range []error{stop, nil, nil} {
			err := db.Tx(ctx, func(tx *models.DB) error {
				same(t, must(tx.Notices.Record(ctx, "meituan", "n2")), i < 2)
				begin(t, tx, intent(strings.Repeat("1", i+1))) // a notice taken before does not spoil the transaction
				return result
			})
			if !errors.Is(err, result) {
				t.Fatal(err)
			}
		}
		no(t, second(db.Journal.Get(ctx, "op-111")))
		for _, bad := range [][2]string{{"", "n"}, {"meituan", ""}, {"meituan", strings.Repeat("n", 191)}} {
			_, err := db.Notices.Record(ctx, bad[0], bad[1])
			want(t, err, models.ErrInvalid)
		}

		clock.Advance(time.Hour)
		same(t, must(db.Notices.Record(ctx, "meituan", "young")), true)
		same(t, must(db.Notices.Purge(ctx, clock.Now(), 3)), 3)
		same(t, must(db.Notices.Purge(ctx, clock.Now(), 10)), 1)
		same(t, must(db.Notices.Purge(ctx, clock.Now(), 10)), 0)
		same(t, must(db.Notices.Record(ctx, "meituan", "young")), false)
	})
}

func TestTakeNoticeRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		fresh := make([]bool, 8)
		for _, err := range race(8, func(i int) error {
			return dbs[i%2].Tx(t.Context(), func(tx *models.DB) (err error) {
				fresh[i], err = tx.Notices.Record(t.Context(), "meituan", "n1")
				return err
			})
		}) {
			no(t, err)
		}
		n := 0
		for _, f := range fresh {
			if f {
				n++
			}
		}
		same(t, n, 1)
	})
}
