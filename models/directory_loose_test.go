package models_test

import (
	"testing"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestLooseEnds(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		none := []string{}
		same(t, must(db.Directory.LooseEnds(ctx)), models.Loose{StoresWithoutChat: none, StoresWithoutStaff: none, ChatsWithoutStore: none, PeopleWithoutStore: none})
		person := func(user string) []models.Member {
			return []models.Member{{UserID: user, Name: user, Role: models.RoleStaff}}
		}
		whole := models.ConfiguredStore{Platform: "dianping", ShopID: "1", Name: "人民广场店", Session: "t", Chats: []string{"wrA", "wrBoth"}, Staff: person("zhangsan")}
		gone := models.ConfiguredStore{Platform: "dianping", ShopID: "2", Name: "徐家汇店", Session: "t", Chats: []string{"wrB", "wrBoth"}, Staff: append(person("qianqi"), person("zhangsan")...)}
		bare := models.ConfiguredStore{Platform: "meituan", ShopID: "3", Name: "静安店", Session: "t"}
		no(t, db.Directory.Sync(ctx, []models.ConfiguredStore{whole, gone, bare}))
		same(t, must(db.Directory.LooseEnds(ctx)), models.Loose{StoresWithoutChat: []string{"静安店"}, StoresWithoutStaff: []string{"静安店"}, ChatsWithoutStore: none, PeopleWithoutStore: none})

		g := granted(t, db, "bid-1")
		s := must(db.Accounts.LinkGrant(ctx, g, 0, []models.GrantShop{{ShopID: "uuid-1", Name: "五角场店"}})).Accounts[0]
		no(t, db.Directory.BindChat(ctx, s.ID, "wrC"))
		no(t, db.Directory.SetMember(ctx, models.Member{StoreID: s.ID, UserID: "zhoujiu", Name: "周九", Role: models.RoleStaff}))
		same(t, must(db.Directory.LooseEnds(ctx)).ChatsWithoutStore, none)

		no(t, second(db.Pool().ExecContext(ctx, "UPDATE stores SET active = 0 WHERE shop_id IN ('2', 'uuid-1')")))
		same(t, must(db.Directory.LooseEnds(ctx)), models.Loose{
			StoresWithoutChat: []string{"静安店"}, StoresWithoutStaff: []string{"静安店"},
			ChatsWithoutStore: []string{"wrB", "wrC"}, PeopleWithoutStore: []string{"qianqi", "zhoujiu"},
		})
	})
}
