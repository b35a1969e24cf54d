package models_test

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// bothPlatforms is one store with two accounts, and a store with one.
func bothPlatforms() []models.ConfiguredStore {
	stores := twoStores()
	stores[0].Accounts = []models.ConfiguredAccount{{Platform: "meituan", ShopID: "biz-1", Session: "token-1b"}}
	return stores
}

// A store with two accounts is one store wherever people stand, and two accounts at the
// platforms.
func TestAccounts(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Directory.Sync(ctx, bothPlatforms()))
		no(t, db.Directory.Sync(ctx, bothPlatforms()))
		stores := must(db.Directory.Stores(ctx))
		same(t, names(stores), "人民广场店🐟,徐家汇店")
		one, two := stores[0], stores[1]
		same(t, shopIDs(one.Accounts()), "uuid-1,biz-1")
		same(t, shopIDs(two.Accounts()), "biz-2")
		further := one.Further[0]
		same(t, further, models.Account{ID: further.ID, Platform: "meituan", ShopID: "biz-1", Name: "人民广场店🐟", Origin: models.OriginConfig, Active: true, BelongsTo: one.ID})
		same(t, models.AccountIDs(stores), []int64{one.ID, further.ID, two.ID})
		same(t, shopIDs(must(db.Accounts.List(ctx))), "uuid-1,biz-1,biz-2")
		same(t, must(db.Grants.Session(ctx, further.ID)).AccessToken, "token-1b")

		// By any of its accounts, the store is found with its people.
		for _, id := range []int64{one.ID, further.ID} {
			same(t, must(db.Directory.Store(ctx, id)), one)
			same(t, len(must(db.Directory.Members(ctx, id))), 2)
			same(t, must(db.Directory.Member(ctx, id, "lisi")).Name, "李四")
		}
		same(t, must(db.Directory.StoresOfChat(ctx, "wrAbC")), []models.Store{one})
		for _, f := range []models.PlaceFilter{{User: "lisi"}, {User: "lisi", Chat: "wrabc"}} {
			places := must(db.Directory.Places(ctx, f))
			same(t, len(places), 1)
			same(t, places[0].Store, one)
			same(t, places[0].Member.Role, models.RoleLead)
		}
		same(t, len(must(db.Directory.Places(ctx, models.PlaceFilter{User: "boss", All: true}))), 2)
		same(t, len(must(db.Directory.LooseEnds(ctx)).StoresWithoutChat), 0)
	})
}

// A shop at a platform is one store's.
func TestAccountsAreOneStores(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		stores := bothPlatforms()
		stores[1].Accounts = []models.ConfiguredAccount{{Platform: "meituan", ShopID: "biz-1"}}
		want(t, db.Directory.Sync(t.Context(), stores), models.ErrInvalid)
		stores = bothPlatforms()
		stores[0].Accounts[0].ShopID = "biz-2"
		want(t, db.Directory.Sync(t.Context(), stores), models.ErrInvalid)
		no(t, db.Directory.Sync(t.Context(), bothPlatforms()))
		if err := db.ORM().Create(&models.Account{Platform: "meituan", ShopID: "biz-1", Name: "x", Origin: "grant"}).Error; err == nil {
			t.Error("the database holds an account twice")
		}
	})
}

// What was a store of its own becomes an account of another, with its history, and the
// other way round; what belongs to it goes with it.
func TestAccountsChangeStores(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		apart := twoStores()
		apart[1].ShopID = "biz-1"
		no(t, db.Directory.Sync(ctx, apart))
		stores := must(db.Directory.Stores(ctx))
		one, two := stores[0].ID, stores[1].ID
		op := intent("7992697494")
		op.StoreID = two
		op = done(t, db, op)

		no(t, db.Directory.Sync(ctx, bothPlatforms()))
		s := must(db.Directory.Store(ctx, op.StoreID))
		same(t, s.ID, one)
		same(t, must(db.Journal.ByCouponIn(ctx, models.AccountIDs([]models.Store{s}), op.Code)).ID, op.ID)
		same(t, must(db.Figures.Tallies(ctx, models.AccountIDs([]models.Store{s}), "", noon.Add(-time.Hour), noon.Add(time.Hour)))[two].Verified.Count, 1)

		// The two change places, while an account of a grant belongs to the first.
		third := opened(t, db, "douyin", "uuid-3").ID
		no(t, db.ORM().Exec("UPDATE stores SET belongs_to = ? WHERE id = ?", one, third).Error)
		turned := bothPlatforms()
		turned[0].Platform, turned[0].ShopID, turned[0].Accounts[0].Platform, turned[0].Accounts[0].ShopID = "meituan", "biz-1", "dianping", "uuid-1"
		no(t, db.Directory.Sync(ctx, turned))
		s = must(db.Directory.Store(ctx, third))
		same(t, s.ID, two)
		same(t, models.AccountIDs([]models.Store{s}), []int64{two, one, third})

		// The first account is not in use any more: the store is, by the others.
		g2 := granted(t, db, "bid-2")
		no(t, db.Directory.Sync(ctx, nil))
		no(t, second(db.Accounts.LinkGrant(ctx, g2, 0, shops("uuid-1"))))
		s = must(db.Directory.Store(ctx, two))
		same(t, s.Active, false)
		same(t, s.Live(), true)
		same(t, shopIDs(s.Accounts()), "uuid-1,uuid-3")
		same(t, len(must(db.Directory.Stores(ctx))), 1)

		no(t, db.Directory.Sync(ctx, apart))
		s = must(db.Directory.Store(ctx, one))
		same(t, s.ID, one)
		same(t, must(db.Directory.Store(ctx, two)).ID, two)
	})
}

// before is the migrations up to one, without it.
func before(t *testing.T, driver string, version int) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range known(t, driver)[:version-1] {
		path := "migrations/" + driver + "/" + name + ".sql"
		text, err := fs.ReadFile(models.MigrationFiles, path)
		no(t, err)
		files[path] = &fstest.MapFile{Data: text}
	}
	return files
}

// An older database, and a program from before accounts that goes on writing to it
// beside a new one: its statements are those that it made. Each store is a store with
// one account; each sees what the other writes, and a further account is to the older
// program a store where nobody stands, with the right platform and session.
func TestUpgradeToAccounts(t *testing.T) {
	bare(t, func(t *testing.T, driver, dsn string) {
		ctx := t.Context()
		old := modelstest.Open(t, driver, dsn, modelstest.WithClock(modelstest.NewClock(noon)))
		no(t, second(old.MigrateFS(ctx, before(t, driver, 16))))
		exec := func(q string, args ...any) {
			t.Helper()
			_, err := old.Pool().ExecContext(ctx, q, args...)
			no(t, err)
		}
		const addStore = "INSERT INTO stores (platform, shop_id, name, origin, active, grant_id) VALUES (?, ?, ?, ?, ?, ?)"
		const addOperation = `INSERT INTO operations (id, store_id, code, coupon_count, state, attempt, due_at, inbox_id, seq, channel, chat, user_id, user_name,
			deal_id, deal_group_id, order_id, title, price_fen, price_unknown, market_fen, mobile, voucher_expires, left_count, reusable, ticket, created_at, called_at,
			sent_at, consumed_at, undo_until, doubt_since, needs_human, outcome_reason, outcome_code, outcome_message, outcome_trace_id, used_by, used_at, other_id,
			undo_inbox_id, undo_user_id, undo_user_name, undo_called_at, undone_at, undo_reason, undo_message, live_code)
			VALUES (?, ?, ?, 1, ?, 1, ?, ?, 0, 'app/main', 'wr', 'lisi', '李四', 11, 12, 'order', '烤鱼', 4990, 0, 9900, '', NULL, 0, 0, '', ?, ?, ?, ?, ?, NULL, 0,
			'', '', '', '', '', NULL, '', '', '', '', NULL, NULL, '', '', ?)`
		operation := func(id string, store int64, code string, state models.State) {
			t.Helper()
			const then = "2026-11-23 04:00:00.000000"
			var due, consumed any = then, nil
			if state == models.Done {
				due, consumed = nil, then
			}
			exec(addOperation, id, store, code, string(state), due, "in-"+id, then, then, then, consumed, consumed, code)
		}
		exec(addStore, "dianping", "uuid-1", "人民广场店", "grant", true, "")
		exec("INSERT INTO chats (store_id, chat) VALUES (1, 'wr')")
		exec("INSERT INTO members (store_id, user_id, name, role) VALUES (1, 'lisi', '李四', 'lead')")
		operation("op1", 1, "7992697494", models.Done)
		operation("op2", 1, "7992697495", models.Unknown)

		db := modelstest.Open(t, driver, dsn, modelstest.WithClock(modelstest.NewClock(noon.Add(time.Minute))))
		same(t, must(db.Migrate(ctx)), known(t, driver)[15:])
		s := must(db.Directory.Store(ctx, 1))
		same(t, s, models.Store{Account: models.Account{ID: 1, Platform: "dianping", ShopID: "uuid-1", Name: "人民广场店", Origin: "grant", Active: true}})
		same(t, must(db.Directory.Places(ctx, models.PlaceFilter{User: "lisi", Chat: "wr"}))[0].Store, s)
		same(t, must(db.Journal.ByCouponIn(ctx, models.AccountIDs([]models.Store{s}), "7992697494")).ID, "op1")
		same(t, len(must(db.Journal.Due(ctx, models.Of{}, noon, 10))), 1)

		// The new one adds an account; the old one authorises a store and verifies.
		g := granted(t, db, "bid-1")
		no(t, db.Directory.Sync(ctx, []models.ConfiguredStore{{Platform: "dianping", ShopID: "uuid-1", Name: "人民广场店", Session: "token-1", Accounts: []models.ConfiguredAccount{{Platform: "meituan", ShopID: "biz-1", Session: "token-1b"}}}}))
		further := must(db.Directory.Store(ctx, 1)).Further[0]
		exec(addStore, "dianping", "uuid-9", "外滩店", "grant", true, g.ID)
		exec("UPDATE stores SET name = '人广店', origin = 'config', active = 1, grant_id = ? WHERE id = 1 AND name = '人民广场店' AND origin = 'config' AND active = 1 AND grant_id = ''", g.ID)
		operation("op3", 1, "7992697496", models.Done)
		same(t, names(must(db.Directory.Stores(ctx))), "人广店,外滩店")
		s = must(db.Directory.Store(ctx, 1))
		same(t, s.GrantID, g.ID)
		same(t, shopIDs(s.Accounts()), "uuid-1,biz-1")
		for _, code := range []string{"7992697494", "7992697495", "7992697496"} {
			same(t, must(db.Journal.ByCouponIn(ctx, models.AccountIDs([]models.Store{s}), code)).StoreID, int64(1))
		}

		// An operation of a further account that the old one takes up has its platform
		// and its session, and nobody is told of it in another store.
		operation("op4", further.ID, "7992697494", models.Unknown)
		var platform, chats string
		no(t, old.Pool().QueryRowContext(ctx, "SELECT platform FROM stores WHERE id = (SELECT store_id FROM operations WHERE id = 'op4')").Scan(&platform))
		same(t, platform, "meituan")
		same(t, must(old.Grants.Session(ctx, further.ID)).AccessToken, "token-1b")
		no(t, old.Pool().QueryRowContext(ctx, "SELECT COUNT(*) FROM chats WHERE store_id = ?", further.ID).Scan(&chats))
		same(t, chats, "0")
		// Both have the code, each at its platform.
		same(t, len(must(db.History.OfCode(ctx, "7992697494"))), 2)
	})
}
