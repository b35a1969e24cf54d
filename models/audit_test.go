package models_test

import (
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestAudit(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		record := func(store int64, action string) {
			no(t, db.Audit.Record(ctx, models.AuditEntry{
				UserID: "Boss", UserName: "老板", Channel: "app/main", Chat: "wrAbC", Action: action, StoreID: store,
				Subject: "zhangsan", Before: "staff", After: strings.Repeat("长", 1100),
			}))
			clock.Advance(time.Minute)
		}
		for _, action := range []string{"one", "two", "three"} {
			record(1, action)
			record(2, action)
		}
		list := func(f models.AuditFilter) string {
			var all []string
			for _, e := range must(db.Audit.List(ctx, f)) {
				all = append(all, e.Action)
			}
			return strings.Join(all, ",")
		}
		entries := must(db.Audit.List(ctx, models.AuditFilter{}))
		same(t, len(entries), 6)
		same(t, entries[0], models.AuditEntry{
			ID: entries[0].ID, At: noon, UserID: "boss", UserName: "老板", Channel: "app/main", Chat: "wrAbC", Action: "one",
			StoreID: 1, Subject: "zhangsan", Before: "staff", After: strings.Repeat("长", 1000),
		})
		same(t, list(models.AuditFilter{StoreID: 2}), "one,two,three")
		same(t, list(models.AuditFilter{StoreID: 2, Limit: 2}), "two,three")
		same(t, list(models.AuditFilter{Limit: 3}), "two,three,three")
		same(t, list(models.AuditFilter{From: noon.Add(time.Minute), To: noon.Add(3 * time.Minute)}), "one,two")
		same(t, list(models.AuditFilter{StoreID: 3}), "")
		want(t, db.Audit.Record(ctx, models.AuditEntry{UserID: "boss"}), models.ErrInvalid)
	})
}

func TestUnknownCodes(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		try := func(user, code, reason string) {
			c := models.Call{ReceiptCode: code, UserID: user, Name: "prepare"}
			c.Reason = reason
			no(t, db.Calls.Log(ctx, []models.Call{c}))
			clock.Advance(time.Minute)
		}
		check := func(since time.Time, n int, oldest time.Time) {
			t.Helper()
			got, err := db.Calls.UnknownCodes(ctx, "ZhangSan", "not_found", since)
			no(t, err)
			same(t, got, models.Tried{N: n, Oldest: oldest})
		}
		check(noon, 0, time.Time{})
		try("lisi", "1111111111", "not_found")
		try("zhangsan", "2222222222", "used")
		try("zhangsan", "3333333333", "not_found")
		try("zhangsan", "3333333333", "not_found")
		try("zhangsan", "4444444444", "not_found")
		check(noon, 2, noon.Add(2*time.Minute))
		check(noon.Add(3*time.Minute), 2, noon.Add(3*time.Minute))
		check(noon.Add(4*time.Minute), 1, noon.Add(4*time.Minute))
		check(noon.Add(5*time.Minute), 0, time.Time{})
	})
}
