package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// placesText is what a list of places shows.
func placesText(places []models.Place) string {
	var all []string
	for _, p := range places {
		all = append(all, fmt.Sprintf("%s:%s/%s", p.Name, p.Member.Name, p.Member.Role))
	}
	return strings.Join(all, " ")
}

func TestPlaces(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		staff := models.Member{UserID: "ZhangSan", Name: "张三", Role: models.RoleStaff}
		lead := models.Member{UserID: "zhangsan", Name: "张三丰", Role: models.RoleLead}
		store := func(name string, staff ...models.Member) models.ConfiguredStore {
			return models.ConfiguredStore{Platform: "dianping", ShopID: "shop " + name, Name: name, Chats: []string{"wrA"}, Staff: staff}
		}
		c, a, b := store("c", staff), store("a"), store("b", lead)
		a.Chats = nil
		no(t, db.Directory.Sync(ctx, []models.ConfiguredStore{c, a, b}))
		list := func(f models.PlaceFilter) string { return placesText(must(db.Directory.Places(ctx, f))) }

		same(t, list(models.PlaceFilter{User: "zhangsan"}), "b:张三丰/lead c:张三/staff")
		same(t, list(models.PlaceFilter{User: "ZHANGSAN"}), "b:张三丰/lead c:张三/staff")
		same(t, list(models.PlaceFilter{User: "lisi"}), "")
		same(t, list(models.PlaceFilter{User: "lisi", Chat: "wrA"}), "b:/ c:/")
		same(t, list(models.PlaceFilter{User: "zhangsan", Chat: "wra"}), "")
		same(t, list(models.PlaceFilter{User: "zhangsan", All: true}), "a:/ b:张三丰/lead c:张三/staff")

		// A store that ends is still there for the time in which it verified something.
		ended := must(db.Directory.Places(ctx, models.PlaceFilter{User: "zhangsan"}))[0].ID
		op := intent("7992697494")
		op.StoreID, op.CalledAt = ended, noon
		done(t, db, op)
		no(t, db.Directory.Sync(ctx, []models.ConfiguredStore{c, a}))
		same(t, list(models.PlaceFilter{User: "zhangsan"}), "c:张三/staff")
		for span, want := range map[[2]time.Duration]string{
			{-time.Hour, time.Hour}: "b:张三丰/lead c:张三/staff", {time.Hour, 2 * time.Hour}: "c:张三/staff", {-2 * time.Hour, -time.Hour}: "c:张三/staff",
		} {
			same(t, list(models.PlaceFilter{User: "zhangsan", From: noon.Add(span[0]), To: noon.Add(span[1])}), want)
		}
		// Or in which that was refunded.
		no(t, second(db.Refunds.Add(ctx, models.Refund{Platform: "douyin", CertificateID: "7", StoreID: ended, OperationID: op.ID, RefundedAt: noon.Add(5 * time.Hour)})))
		for hours, want := range map[time.Duration]string{5: "b:张三丰/lead c:张三/staff", 6: "c:张三/staff", 4: "c:张三/staff"} {
			f := models.PlaceFilter{User: "zhangsan", From: noon.Add(hours * time.Hour), To: noon.Add((hours + 1) * time.Hour)}
			same(t, list(f), want)
			f.Off = true
			same(t, list(f), strings.TrimSpace(strings.TrimSuffix(want, "c:张三/staff")))
		}
	})
}

// With the places comes what a verification begins with, by one statement, and as it is
// read by itself.
func TestPlacesFor(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		granted := link(t, db, granted(t, db, "bid-1"), "a")[0]
		no(t, db.Directory.SetMember(ctx, models.Member{StoreID: granted.ID, UserID: "zhangsan", Role: models.RoleStaff}))
		no(t, db.Directory.BindChat(ctx, granted.ID, "wrA"))
		staff := []models.Member{{UserID: "zhangsan", Name: "张三", Role: models.RoleStaff}}
		no(t, db.Directory.Sync(ctx, []models.ConfiguredStore{
			{Platform: "dianping", ShopID: "b", Name: "b", Session: "token b", Chats: []string{"wrA"}, Staff: staff},
			{Platform: "dianping", ShopID: "c", Name: "c", Staff: staff},
		}))
		find := func(f models.PlaceFilter, e models.Errand) (list string, tried models.Tried) {
			t.Helper()
			statements := 0
			db.Watch(func(string, []any) { statements++ })
			places, tried, err := db.Directory.PlacesFor(ctx, f, e)
			no(t, err)
			same(t, statements, 1)
			same(t, placesText(places), placesText(must(db.Directory.Places(ctx, f))))
			for _, p := range places {
				token := "none"
				if p.Session != nil {
					token = p.Session.AccessToken
					same(t, *p.Session, must(db.Grants.Session(ctx, p.ID)))
				}
				list += p.Name + ":" + p.New + ":" + token + " "
			}
			return list, tried
		}
		mine, chat := models.PlaceFilter{User: "ZhangSan"}, models.PlaceFilter{User: "lisi", Chat: "wrA"}
		e := models.Errand{Code: "B", Reason: "not_found", Since: noon}
		token := must(db.Grants.Session(ctx, granted.ID)).AccessToken
		list, tried := find(mine, e)
		same(t, list, "b:B:token b c:B:none "+granted.Name+":B:"+token+" ")
		same(t, tried, models.Tried{})
		list, _ = find(chat, e)
		same(t, list, "b:B:token b "+granted.Name+":B:"+token+" ")
		list, _ = find(models.PlaceFilter{User: "zhangsan", All: true}, e)
		same(t, list, "b:B:none c:B:none "+granted.Name+":B:none ")
		list, _ = find(mine, models.Errand{})
		same(t, list, "b::none c::none "+granted.Name+"::none ")

		// Of what was asked with the code, or consumed with another one, it is not new.
		refused := intent("B")
		refused.StoreID = granted.ID
		no(t, second(db.Journal.Refuse(ctx, refused)))
		of := intent("A")
		of.ID, of.InboxID, of.StoreID = "of", "in-of", must(db.Directory.StoresOfChat(ctx, "wrA"))[0].ID
		no(t, second(db.Journal.FinishConsume(ctx, begin(t, db, of), []models.Coupon{{Code: "A"}, {Code: "B"}})))
		list, _ = find(mine, e)
		same(t, list, "b::token b c:B:none "+granted.Name+"::"+token+" ")

		for _, code := range []string{"1", "2", "2"} {
			c := models.Call{ReceiptCode: code, UserID: "zhangsan", Name: "prepare", StartedAt: clock.Now()}
			c.Reason = "not_found"
			no(t, db.Calls.Log(ctx, []models.Call{c}))
			clock.Advance(time.Minute)
		}
		_, tried = find(mine, e)
		same(t, tried, models.Tried{N: 2, Oldest: noon})
		_, tried = find(chat, e)
		same(t, tried, models.Tried{})
		e.Since = noon.Add(time.Minute)
		_, tried = find(mine, e)
		same(t, tried, models.Tried{N: 1, Oldest: noon.Add(time.Minute)})
	})
}

// One statement finds what was done with a code in whatever many stores.
func TestOperationByCouponIn(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		find := func(stores ...int64) string {
			t.Helper()
			clock.Advance(time.Second)
			op, err := db.Journal.ByCouponIn(ctx, stores, "B")
			if err != nil {
				want(t, err, models.ErrNotFound)
			}
			return op.ID
		}
		in := func(store int64, id string) models.Operation {
			op := intent("B")
			op.ID, op.InboxID, op.StoreID, op.CreatedAt = id, "in-"+id, store, clock.Now()
			return op
		}
		same(t, find(1, 2, 3), "")
		no(t, second(db.Journal.Refuse(ctx, in(1, "refused"))))
		same(t, find(1, 2, 3), "refused")
		undone := undoing(t, db, done(t, db, in(2, "undone")))
		no(t, second(db.Journal.FinishUndo(ctx, undone, nil)))
		same(t, find(1, 2, 3), "undone")
		same(t, find(1, 3), "refused")
		consumed := done(t, db, in(3, "consumed"))
		clock.Advance(time.Second)
		begin(t, db, in(1, "calling"))
		statements := 0
		db.Watch(func(string, []any) { statements++ })
		same(t, find(1, 2, 3), "consumed") // newer is what only may have consumed
		same(t, statements, 1)
		same(t, find(1, 2), "calling")
		standing := func(stores ...int64) (ids []string) {
			t.Helper()
			for _, op := range must(db.Journal.StandingIn(ctx, stores, "B")) {
				ids = append(ids, op.ID)
			}
			return ids
		}
		same(t, standing(1, 2, 3), []string{"calling", "consumed"})
		same(t, standing(2), []string(nil))
		same(t, standing(), []string(nil))
		no(t, db.Journal.Supersede(ctx, consumed))
		begin(t, db, in(3, "again"))
		same(t, find(3), "again")
	})
}
