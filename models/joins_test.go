package models_test

import (
	"fmt"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func joinOf(user, name string) models.Join {
	return models.Join{StoreID: 1, UserID: user, Name: name, Channel: "bot/group", Chat: "wrAbC"}
}

func TestJoin(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		asked, fresh, err := db.Joins.Ask(ctx, joinOf("ZhangSan", "张三"))
		no(t, err)
		same(t, fresh, true)
		expect := joinOf("zhangsan", "张三")
		expect.ID, expect.State, expect.CreatedAt = asked.ID, models.JoinPending, noon
		same(t, asked, expect)
		same(t, must(db.Joins.Get(ctx, asked.ID)), asked)

		clock.Advance(time.Minute)
		again, fresh, err := db.Joins.Ask(ctx, joinOf("zhangsan", "张三"))
		no(t, err)
		same(t, fresh, false)
		same(t, again, expect)

		// With the name put right: another request, and the first cannot be approved.
		asked, fresh, err = db.Joins.Ask(ctx, joinOf("zhangsan", "张三丰"))
		no(t, err)
		same(t, fresh, true)
		expect.State, expect.DecidedBy, expect.DecidedAt = models.JoinReplaced, "zhangsan", clock.Now()
		gone, err := db.Joins.Decide(ctx, expect.ID, true, "boss")
		want(t, err, models.ErrStale)
		same(t, gone, expect)
		expect = joinOf("zhangsan", "张三丰")
		expect.ID, expect.State, expect.CreatedAt = asked.ID, models.JoinPending, clock.Now()
		same(t, asked, expect)
		same(t, must(db.Joins.Asked(ctx, 1, "ZhangSan", noon)), 2)
		same(t, must(db.Joins.Asked(ctx, 1, "zhangsan", clock.Now())), 1)

		other := joinOf("zhangsan", "张三")
		other.StoreID = 2
		for _, j := range []models.Join{joinOf("lisi", "李四"), other} {
			if _, fresh, err := db.Joins.Ask(ctx, j); err != nil || !fresh {
				t.Error("another person or store:", fresh, err)
			}
		}
		same(t, must(db.Joins.Get(ctx, asked.ID)), expect)

		refused := must(db.Joins.Decide(ctx, asked.ID, false, "Boss"))
		expect.State, expect.DecidedBy, expect.DecidedAt = models.JoinRefused, "boss", clock.Now()
		same(t, refused, expect)
		late, err := db.Joins.Decide(ctx, asked.ID, true, "lisi")
		want(t, err, models.ErrStale)
		same(t, late, refused)
		_, err = db.Joins.Decide(ctx, "nobody's", true, "boss")
		want(t, err, models.ErrNotFound)

		// Who was refused may ask again.
		next, fresh, err := db.Joins.Ask(ctx, joinOf("zhangsan", "张三"))
		no(t, err)
		same(t, fresh, true)
		same(t, must(db.Joins.Decide(ctx, next.ID, true, "boss")).State, models.JoinApproved)

		taken := joinOf("wangwu", "王五")
		taken.ID = asked.ID
		_, _, err = db.Joins.Ask(ctx, taken)
		want(t, err, models.ErrDuplicate)
		for _, bad := range []models.Join{joinOf("", "张三"), {UserID: "zhangsan"}} {
			_, _, err := db.Joins.Ask(ctx, bad)
			want(t, err, models.ErrInvalid)
		}
	})
}

func TestAskToJoinRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		fresh := make([]bool, 8)
		ids := map[string]bool{}
		rows := make([]models.Join, 8)
		for _, err := range race(8, func(i int) (err error) {
			rows[i], fresh[i], err = dbs[i%2].Joins.Ask(t.Context(), joinOf("zhangsan", fmt.Sprint("张三", i)))
			return err
		}) {
			no(t, err)
		}
		for i, row := range rows {
			ids[row.ID] = true
			same(t, fresh[i], true)
			same(t, row.Name, fmt.Sprint("张三", i))
		}
		same(t, len(ids), 8)
		var pending int
		no(t, dbs[0].Pool().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM join_requests WHERE pending_user IS NOT NULL").Scan(&pending))
		same(t, pending, 1)
	})
}

func TestDecideJoinRace(t *testing.T) {
	replicas(t, func(t *testing.T, dbs [2]*models.DB) {
		j, _, err := dbs[0].Joins.Ask(t.Context(), joinOf("zhangsan", "张三"))
		no(t, err)
		told := make([]models.Join, 8)
		oneWins(t, race(8, func(i int) (err error) {
			told[i], err = dbs[i%2].Joins.Decide(t.Context(), j.ID, i%3 == 0, fmt.Sprint("boss", i))
			return err
		}), models.ErrStale)
		for _, other := range told[1:] {
			same(t, other, told[0]) // the losers learn who decided
		}
	})
}
