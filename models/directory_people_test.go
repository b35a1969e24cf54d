package models_test

import (
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// oneStore is a store of a grant.
func oneStore(t *testing.T, db *models.DB) models.Store {
	t.Helper()
	return models.Store{Account: link(t, db, granted(t, db, "bid-1"), "a")[0]}
}

func TestBindChat(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		s := oneStore(t, db)
		for range 2 {
			no(t, db.Directory.BindChat(ctx, s.ID, "wrAbC"))
		}
		no(t, db.Directory.BindChat(ctx, s.ID, "wrABC"))
		same(t, must(db.Directory.ChatsOfStore(ctx, s.ID)), []string{"wrABC", "wrAbC"})
		same(t, must(db.Directory.StoresOfChat(ctx, "wrAbC")), []models.Store{s})
		same(t, must(db.Directory.UnbindChat(ctx, s.ID, "wrabc")), false)
		same(t, must(db.Directory.UnbindChat(ctx, s.ID, "wrAbC")), true)
		same(t, must(db.Directory.UnbindChat(ctx, s.ID, "wrAbC")), false)
		same(t, must(db.Directory.ChatsOfStore(ctx, s.ID)), []string{"wrABC"})
		want(t, db.Directory.BindChat(ctx, s.ID, ""), models.ErrInvalid)
		if db.Directory.BindChat(ctx, 999, "wrAbC") == nil {
			t.Error("a group was bound to a store that is not there")
		}
	})
}

func TestSetMember(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		s := oneStore(t, db)
		no(t, db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, UserID: " ZhangSan", Name: "张三", Role: models.RoleStaff}))
		no(t, db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, UserID: "zhangSAN", Name: "张三丰", Role: models.RoleLead}))
		same(t, must(db.Directory.Members(ctx, s.ID)), []models.Member{{StoreID: s.ID, UserID: "zhangsan", Name: "张三丰", Role: models.RoleLead}})
		same(t, must(db.Directory.RemoveMember(ctx, s.ID, "ZHANGSAN")), true)
		same(t, must(db.Directory.RemoveMember(ctx, s.ID, "zhangsan")), false)
		same(t, len(must(db.Directory.Members(ctx, s.ID))), 0)
		want(t, db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, Role: models.RoleLead}), models.ErrInvalid)
		want(t, db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, UserID: "zhangsan"}), models.ErrInvalid)
	})
}

func TestChoose(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		g := granted(t, db, "bid-1")
		stores := link(t, db, g, "a", "b")
		want(t, second(db.Choices.Get(ctx, "zhangsan", "wrAbC")), models.ErrNotFound)
		evening := noon.Add(8 * time.Hour)
		no(t, db.Choices.Set(ctx, "ZhangSan", "wrAbC", stores[0].ID, noon.Add(time.Minute)))
		no(t, db.Choices.Set(ctx, "zhangsan", "wrAbC", stores[1].ID, evening)) // in place of the former
		no(t, db.Choices.Set(ctx, "zhangsan", "", stores[0].ID, evening))      // of the person alone
		same(t, must(db.Choices.Get(ctx, "ZHANGSAN", "wrAbC")), stores[1].ID)
		same(t, must(db.Choices.Get(ctx, "zhangsan", "")), stores[0].ID)
		want(t, second(db.Choices.Get(ctx, "zhangsan", "wrABC")), models.ErrNotFound)
		want(t, second(db.Choices.Get(ctx, "lisi", "wrAbC")), models.ErrNotFound)

		link(t, db, g, "b") // the other becomes inactive
		want(t, second(db.Choices.Get(ctx, "zhangsan", "")), models.ErrNotFound)
		clock.Advance(8*time.Hour - time.Microsecond)
		same(t, must(db.Choices.Get(ctx, "zhangsan", "wrAbC")), stores[1].ID)
		clock.Advance(time.Microsecond)
		want(t, second(db.Choices.Get(ctx, "zhangsan", "wrAbC")), models.ErrNotFound)

		for _, err := range []error{
			db.Choices.Set(ctx, "", "wr", 1, evening), db.Choices.Set(ctx, "zhangsan", "wr", 0, evening),
			db.Choices.Set(ctx, "zhangsan", "wr", 1, time.Time{}), db.Choices.Set(ctx, "zhangsan", strings.Repeat("w", 129), 1, evening),
		} {
			want(t, err, models.ErrInvalid)
		}
	})
}
