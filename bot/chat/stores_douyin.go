package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/grants"
	"yanquan/bot/platform"
	"yanquan/bot/words"
	"yanquan/douyin"
	"yanquan/models"
)

// connectDouyin connects a shop at Douyin, which has no page of consent: the shops of the
// configured account of 来客 are offered. Nothing there says whose a shop is, so only who
// manages every store may take one.
func (u *admin) connectDouyin(ctx context.Context, t *turn, b command.Button) (bot.Reply, error) {
	b.Platform = platform.DouyinName
	stores, refused, err := u.authorizer(ctx, t.m)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case !refused.Empty():
	case u.Douyin.Client == nil:
		refused = bot.Say("这个平台没有设置，不能授权。")
	case !u.access.ManagesAll(t.m.User):
		refused = bot.Say("抖音没有授权页面，不能确认店是谁的。请 config.yaml 的 managers: 里的管理员来接，再把门店交给您。")
	case u.Douyin.AccountID == "":
		refused = bot.Say("抖音没有授权页面。请维护的人在 config.yaml 的 douyin: 里填写 account_id（来客后台右上角的账户 ID），再发「授权」选店；" +
			"或者在门店下面写 accounts: [{platform: douyin, shop_id: \"门店的 poi_id\", account_id: \"…\"}]。")
	}
	if !refused.Empty() {
		return t.answer(ctx, refused)
	}
	shops, err := u.Douyin.Client.Shops(ctx, douyin.ShopQuery{Account: u.Douyin.AccountID})
	if err != nil {
		u.Log.WarnContext(ctx, "the shops of the account are not told", "platform", platform.DouyinName, "error", err)
		return t.answer(ctx, shopsNotTold(err))
	}
	stores = slices.DeleteFunc(stores, func(s models.Store) bool { return s.On(platform.DouyinName) || !s.Live() })
	switch i := slices.IndexFunc(shops, func(s douyin.ShopInfo) bool { return s.ID == b.Shop }); {
	case b.Shop == "":
		reply, err := u.whichShop(ctx, shops, b.From)
		if err != nil {
			return bot.Reply{}, err
		}
		return t.answer(ctx, reply)
	case i < 0:
		return t.answer(ctx, bot.Say("这家抖音店已经不在这个来客账户里。请重新发「授权」。"))
	case b.Action != command.ActConnect && len(stores) > 0:
		return t.answer(ctx, u.whichStore(b, stores, true))
	default:
		return inTx(func(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
			return u.connectShop(ctx, tx, m, shops[i], b.Store)
		})(ctx, t, b)
	}
}

// shopsNotTold says why the shops of an account cannot be offered.
func shopsNotTold(err error) bot.Reply {
	switch {
	case errors.Is(err, douyin.Misconfigured):
		return bot.Say("抖音不接受我们的请求。请维护的人核对 config.yaml 的 douyin 一节，并在开放平台确认应用有“查询门店”的能力。")
	case errors.Is(err, douyin.Reauthorize):
		return bot.Say("这个来客账户没有授权给我们的应用。请在来客后台授权，再发「授权」。")
	}
	return bot.Say("抖音现在查不到门店。请过几分钟再发「授权」。")
}

// whichShop offers the shops that no store has, from one on.
func (u *admin) whichShop(ctx context.Context, shops []douyin.ShopInfo, from int) (bot.Reply, error) {
	ids := make([]string, len(shops))
	for i, s := range shops {
		ids[i] = s.ID
	}
	idle, err := u.DB.Accounts.Idle(ctx, platform.DouyinName, ids)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: shops: %w", err)
	}
	shops = slices.DeleteFunc(shops, func(s douyin.ShopInfo) bool { return !slices.Contains(idle, s.ID) })
	if len(shops) == 0 {
		return bot.Say("这个来客账户的店都接通了，或者还没有店。发「门店」看看有哪些。"), nil
	}
	c := bot.Card{TaskID: u.NewID(), Source: "验券", Title: "接通哪家抖音店？", Text: "这些是来客账户里还没有接通的店。"}
	shown := shops
	if len(shops) > bot.MaxKeys {
		from %= len(shops)
		shown = shops[from:min(from+bot.MaxKeys-1, len(shops))]
	}
	for _, s := range shown {
		c.Keys = append(c.Keys, bot.CardKey{Text: shopLabel(s, shops), Key: command.Button{Action: command.ActWhere, Platform: platform.DouyinName, Shop: s.ID}.Key(), Style: bot.Primary})
	}
	if len(shown) < len(shops) {
		more := command.Button{Action: command.ActShops, Platform: platform.DouyinName, From: (from + len(shown)) % len(shops)}
		c.Keys = append(c.Keys, bot.CardKey{Text: "其他店", Key: more.Key(), Style: bot.Quiet})
	}
	return bot.Reply{Card: &c}, nil
}

// shopLabel is what to call a shop, so that it can be told from others of its name.
func shopLabel(s douyin.ShopInfo, all []douyin.ShopInfo) string {
	same := 0
	for _, o := range all {
		if o.Name == s.Name {
			same++
		}
	}
	if s.Name != "" && same == 1 {
		return s.Name
	}
	return "尾号" + s.ID[max(0, len(s.ID)-4):] + " " + s.Name
}

// connectShop makes a shop an account of a store, or a new store where that is 0.
func (u *admin) connectShop(ctx context.Context, tx *models.DB, m bot.Message, shop douyin.ShopInfo, into int64) (bot.Reply, error) {
	var home models.Store
	if into != 0 {
		s, may, err := u.access.Manageable(ctx, tx, m.User, into)
		if err != nil {
			return bot.Reply{}, err
		}
		if !may || s.On(platform.DouyinName) {
			return bot.Say("您选的门店有变化：已经不在、不由您管理，或已经有抖音了。请重新发「授权」。"), nil
		}
		home = s
	}
	name := shop.Name
	if name == "" {
		name = "抖音 " + shopLabel(shop, nil)
	}
	a, fresh, used, err := tx.Accounts.Connect(ctx, models.Account{Platform: platform.DouyinName, ShopID: shop.ID, Name: name, AccountID: u.Douyin.AccountID})
	if errors.Is(err, models.ErrSamePlatform) {
		return bot.Say("「%s」已经有另一家抖音店在用。请先「停用」那一家，或让它单独成店，再发「授权」。", a.Name), nil
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: connect: %w", err)
	}
	if fresh && home.ID != 0 {
		if err := tx.Accounts.Merge(ctx, home.ID, a.ID); err != nil {
			return bot.Reply{}, fmt.Errorf("chat: add account: %w", err)
		}
	}
	s, err := tx.Directory.Store(ctx, a.ID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: store: %w", err)
	}
	if !used {
		if err := u.turns.record(ctx, tx, m, "authorize", s.ID, s.Name, "", platform.Name(a.Platform)+" "+a.Name); err != nil {
			return bot.Reply{}, err
		}
		by := grants.Asker{User: strings.ToLower(m.User), Channel: m.Channel, Chat: m.Chat}
		if err := u.people.place(ctx, tx, by, []models.Store{s}); err != nil {
			return bot.Reply{}, err
		}
	}
	return bot.Reply{Card: u.connectedCard(s, home, used)}, nil
}

// connectedCard tells where a shop is now.
func (u *admin) connectedCard(s, home models.Store, used bool) *bot.Card {
	c := &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "门店已接通", Tone: bot.Good, Desc: "「" + s.Name + "」有" + platformsOf(s)}
	switch {
	case home.ID != 0 && home.ID != s.ID && home.Declared():
		c.Text = "这家抖音店以前接通过，还在「" + s.Name + "」。「" + home.Name + "」写在配置文件里：要放在一起，请写到 config.yaml 里它的 accounts: 下面。"
	case home.ID != 0 && home.ID != s.ID:
		c.Text = "这家抖音店以前接通过，还在「" + s.Name + "」。要和「" + home.Name + "」放在一起，请发「合并」。"
	case len(s.Accounts()) > 1:
		c.Text = "店员在原来的群里照常验券，不用管券是哪个平台的。"
	default:
		c.Text = "下一步：在门店的群里 @我 发「绑定」，店员发「我是 姓名」加入。"
	}
	if used {
		c.Title = "已经接通了"
	}
	return c
}
