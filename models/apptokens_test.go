package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestAppTokens(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		const id = "douyin/aw1"
		same(t, must(db.AppTokens.Get(ctx, id)), models.AppToken{ID: id})
		want(t, db.AppTokens.Swap(ctx, models.AppToken{Version: 1}), models.ErrInvalid)
		want(t, db.AppTokens.Swap(ctx, models.AppToken{ID: id, Version: 2}), models.ErrStale) // nothing is kept

		first := models.AppToken{ID: id, Version: 1, LeasedUntil: noon.Add(time.Minute), InDoubt: true}
		no(t, db.AppTokens.Swap(ctx, first))
		same(t, must(db.AppTokens.Get(ctx, id)), first)
		want(t, db.AppTokens.Swap(ctx, first), models.ErrStale)

		second := models.AppToken{
			ID: id, Version: 2, Token: "clt.s3cret", ObtainedAt: noon, ExpiresAt: noon.Add(2 * time.Hour),
			NotBefore: noon.Add(time.Second), DisplacedAt: noon.Add(-time.Hour),
		}
		no(t, db.AppTokens.Swap(ctx, second))
		same(t, must(db.AppTokens.Get(ctx, id)), second)
		same(t, must(db.AppTokens.Get(ctx, "douyin/aw2")), models.AppToken{ID: "douyin/aw2"}) // another application
		if text := fmt.Sprintf("%v %+v %#v", second, second, second); strings.Contains(text, "s3cret") {
			t.Error(text)
		}

		third := models.AppToken{ID: id, Version: 3} // what is zero is written, too
		no(t, db.AppTokens.Swap(ctx, third))
		same(t, must(db.AppTokens.Get(ctx, id)), third)
	})
}

// Of processes that swap at once, one does it: the first token, and later ones.
func TestAppTokenRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		for version := range int64(3) {
			oneWins(t, race(10, func(i int) error {
				return db.AppTokens.Swap(t.Context(), models.AppToken{ID: "douyin/aw1", Version: version + 1, Token: fmt.Sprint(i)})
			}), models.ErrStale)
		}
	})
}
