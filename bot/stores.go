package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot/grants"
	"yanquan/dianping"
	"yanquan/models"
)

// platformNames are what people call the generations.
var platformNames = map[string]string{dianping.Dianping: "点评（北极星）", dianping.Meituan: "美团"}

// authorize gives a manager a link to the platform's page: in private, for who
// opens it connects shops in this company's name.
func (b *Bot) authorize(ctx context.Context, row models.Inbox, m Message, platform string) (Reply, error) {
	reply, err := b.authorizeReply(ctx, m, platform)
	if err != nil {
		return Reply{}, err
	}
	return b.finish(ctx, row, m, reply)
}

func (b *Bot) authorizeReply(ctx context.Context, m Message, platform string) (Reply, error) {
	stores, err := b.managed(ctx, b.DB, m.User)
	switch {
	case err != nil:
		return Reply{}, err
	case len(stores) == 0 && !b.managers[strings.ToLower(m.User)]:
		return say("只有管理员可以授权门店。"), nil
	case !m.Private():
		return say("授权链接只发给您本人。请打开和我的单聊，发「授权」。"), nil
	case len(b.Authorizers) == 0:
		return say("平台的应用还没有设置。请在 config.yaml 里填写 dianping: 或 meituan:。"), nil
	}
	if platform == "" {
		var keys []CardKey
		for _, name := range []string{dianping.Meituan, dianping.Dianping} {
			if b.Authorizers[name] != nil {
				platform = name
				keys = append(keys, CardKey{Text: platformNames[name], Key: keyAuthorize + name, Style: Primary})
			}
		}
		if len(keys) > 1 {
			return Reply{Card: &Card{TaskID: b.NewID(), Source: "验券", Title: "授权哪个平台的门店？", Keys: keys}}, nil
		}
	}
	link, err := b.grants.NewLink(ctx, platform, grants.Asker{User: strings.ToLower(m.User), Channel: m.Channel, Chat: m.Chat})
	if errors.Is(err, grants.ErrPlatformOff) {
		return say("这个平台没有设置，不能授权。"), nil
	}
	if err != nil {
		return Reply{}, fmt.Errorf("bot: link: %w", err)
	}
	return Reply{Card: &Card{
		TaskID: b.NewID(), Source: "验券", Title: "授权" + platformNames[platform] + "门店", Desc: "点这张卡片，打开授权页面",
		Text: "用门店的开店宝账号登录，同意后回到这里。链接只给您本人，10 分钟内有效，只能用一次。", URL: link,
	}}, nil
}

// listStores shows a manager the stores and their access to the platform.
func (b *Bot) listStores(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
	stores, err := b.managed(ctx, tx, m.User)
	if err != nil {
		return Reply{}, err
	}
	if len(stores) == 0 && !b.managers[strings.ToLower(m.User)] {
		return say("只有管理员可以查看门店的授权。"), nil
	}
	c := Card{TaskID: b.NewID(), Source: "验券", Title: fmt.Sprintf("%d 家门店", len(stores))}
	var lines []string
	for _, s := range stores {
		state, err := b.storeState(ctx, tx, s)
		if err != nil {
			return Reply{}, err
		}
		chats, err := tx.ChatsOfStore(ctx, s.ID)
		if err != nil {
			return Reply{}, fmt.Errorf("bot: chats: %w", err)
		}
		if len(c.Fields) < maxFields {
			c.Fields = append(c.Fields, Field{Key: "门店", Value: s.Name + " " + state})
		}
		lines = append(lines, fmt.Sprintf("**%s** %s，%d 个群", s.Name, state, len(chats)))
	}
	if len(stores) == 0 {
		c.Text = "还没有门店。点「授权门店」把门店接进来。"
	}
	if len(b.Authorizers) > 0 && m.Private() {
		c.Keys = []CardKey{{Text: "授权门店", Key: keyAuthorize, Style: Primary}}
	}
	reply := Reply{Card: &c}
	if len(stores) > maxFields {
		reply.Text = strings.Join(lines, "\n")
	}
	return reply, nil
}

// storeState says in a few words whether a store can be worked with.
func (b *Bot) storeState(ctx context.Context, tx *models.DB, s models.Store) (string, error) {
	session, err := tx.Session(ctx, s.ID)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return "需要授权", nil
	case err != nil:
		return "", fmt.Errorf("bot: session: %w", err)
	case b.Platforms[s.Platform] == nil:
		return "平台没有接通", nil
	case session.GrantID == "":
		return "已接通（配置文件）", nil
	}
	g, err := tx.Grant(ctx, session.GrantID)
	if err != nil {
		return "", fmt.Errorf("bot: grant: %w", err)
	}
	if g.Ended || session.AccessToken == "" {
		return "授权失效，需要重新授权", nil
	}
	if end := grants.Ends(g); !end.IsZero() {
		days := max(int(end.Sub(b.Now())/(24*time.Hour)), 0)
		return fmt.Sprintf("已接通，%d 天后到期", days), nil
	}
	return "已接通", nil
}

// offerBinding lets a manager choose the store that a group works for.
func (b *Bot) offerBinding(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
	if m.Private() {
		return say("请在门店的群里 @我 发「绑定」。"), nil
	}
	stores, err := b.managed(ctx, tx, m.User)
	if err != nil {
		return Reply{}, err
	}
	if len(stores) == 0 {
		return say("只有管理员可以绑定门店。还没有门店的话，请管理员在单聊里发「授权」。"), nil
	}
	bound, err := tx.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: stores of a group: %w", err)
	}
	stores = slices.DeleteFunc(stores, func(s models.Store) bool {
		return s.Origin == models.OriginConfig || slices.ContainsFunc(bound, func(o models.Store) bool { return o.ID == s.ID })
	})
	if len(stores) == 0 {
		return say("没有可以绑定的门店了。写在配置文件里的门店，请改 config.yaml。"), nil
	}
	keys, rest := storeKeys(stores, keyBind)
	c := Card{TaskID: b.NewID(), Source: "验券", Title: "这个群为哪家门店验券？", Keys: keys}
	if rest > 0 {
		c.Text = fmt.Sprintf("还有 %d 家没有列出来，先绑定的会从这里消失。", rest)
	}
	return Reply{Card: &c}, nil
}

func (b *Bot) bind(ctx context.Context, tx *models.DB, m Message, storeID int64) (Reply, error) {
	if m.Private() {
		return say("请在门店的群里 @我 发「绑定」。"), nil
	}
	s, refused, err := b.changeable(ctx, tx, m.User, storeID)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	if err := tx.BindChat(ctx, s.ID, m.Chat); err != nil {
		return Reply{}, fmt.Errorf("bot: bind: %w", err)
	}
	if err := b.record(ctx, tx, m, "bind", s.ID, m.Chat, "", s.Name); err != nil {
		return Reply{}, err
	}
	text := "店员请发「我是 姓名」加入，管理员同意后就能验券。"
	if b.AccessByGroup {
		text = "群里的人都可以验券了。"
	}
	return Reply{Card: &Card{TaskID: b.NewID(), Source: source(s), Title: "已绑定", Tone: Good, Desc: "这个群现在为 " + s.Name + " 验券", Text: text}}, nil
}

// offerUnbinding lets a manager take a store off a group.
func (b *Bot) offerUnbinding(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
	if m.Private() {
		return say("请在门店的群里 @我 发「解绑」。"), nil
	}
	bound, err := tx.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: stores of a group: %w", err)
	}
	if len(bound) == 0 {
		return say("这个群没有绑定门店。"), nil
	}
	manages, err := b.managed(ctx, tx, m.User)
	if err != nil {
		return Reply{}, err
	}
	bound = slices.DeleteFunc(bound, func(s models.Store) bool {
		return !slices.ContainsFunc(manages, func(o models.Store) bool { return o.ID == s.ID })
	})
	if len(bound) == 0 {
		return say("只有管理员可以解绑门店。"), nil
	}
	keys, _ := storeKeys(bound, keyUnbind)
	for i := range keys {
		keys[i].Style = Danger
	}
	return Reply{Card: &Card{TaskID: b.NewID(), Source: "验券", Title: "解除哪家门店？", Text: "解除以后，这个群不能再为它验券。", Keys: keys}}, nil
}

func (b *Bot) unbind(ctx context.Context, tx *models.DB, m Message, storeID int64) (Reply, error) {
	if m.Private() {
		return say("请在门店的群里 @我 发「解绑」。"), nil
	}
	s, refused, err := b.changeable(ctx, tx, m.User, storeID)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	removed, err := tx.UnbindChat(ctx, s.ID, m.Chat)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: unbind: %w", err)
	}
	if removed {
		if err := b.record(ctx, tx, m, "unbind", s.ID, m.Chat, s.Name, ""); err != nil {
			return Reply{}, err
		}
	}
	return Reply{Card: &Card{TaskID: b.NewID(), Source: source(s), Title: "已解绑", Desc: "这个群不再为 " + s.Name + " 验券"}}, nil
}

// offerSwitch asks a person with several stores which is meant from now on, unless
// they have named it.
func (b *Bot) offerSwitch(ctx context.Context, tx *models.DB, m Message, name string) (Reply, error) {
	places, denied, err := b.access(ctx, tx, m)
	if err != nil || len(places) == 0 {
		return denied, err
	}
	if len(places) == 1 {
		return say("您在这里只有一家门店：%s，不用切换。", places[0].Name), nil
	}
	stores := make([]models.Store, len(places))
	for i, p := range places {
		stores[i] = p.Store
	}
	if name != "" {
		i := slices.IndexFunc(stores, func(s models.Store) bool { return normalize(s.Name) == normalize(name) })
		if i < 0 {
			return say("您在这里没有叫「%s」的门店。请发「切换」看看有哪些。", shorten(name)), nil
		}
		return b.use(ctx, tx, m, stores[i].ID)
	}
	keys, rest := storeKeys(stores, keyUse)
	for i := range keys {
		keys[i].Say = "切换 " + keys[i].Text
	}
	c := Card{TaskID: b.NewID(), Source: "验券", Title: "今天为哪家门店验券？", Keys: keys}
	if rest > 0 {
		c.Text = fmt.Sprintf("还有 %d 家没有列出来，请直接发券码再选。", rest)
	}
	return Reply{Card: &c}, nil
}

// use remembers a person's store for the rest of the day.
func (b *Bot) use(ctx context.Context, tx *models.DB, m Message, storeID int64) (Reply, error) {
	places, denied, err := b.access(ctx, tx, m)
	if err != nil || len(places) == 0 {
		return denied, err
	}
	p, ok := placeOf(places, storeID)
	if !ok {
		return foreignCard, nil
	}
	if err := b.remember(ctx, tx, m, p); err != nil {
		return Reply{}, err
	}
	return say("好的，您今天在这里为「%s」验券。要换请发「切换」。", p.Name), nil
}

func (b *Bot) remember(ctx context.Context, tx *models.DB, m Message, p place) error {
	today, _ := Today.Span(b.Now(), b.Location)
	if err := tx.Choose(ctx, m.User, m.Chat, p.ID, today.To); err != nil {
		return fmt.Errorf("bot: choose: %w", err)
	}
	return nil
}

// chosen narrows several places to the one that the person chose today.
func (b *Bot) chosen(ctx context.Context, m Message, places []place) ([]place, error) {
	if len(places) < 2 {
		return places, nil
	}
	id, err := b.DB.Chosen(ctx, m.User, m.Chat)
	if errors.Is(err, models.ErrNotFound) {
		return places, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bot: chosen: %w", err)
	}
	if p, ok := placeOf(places, id); ok {
		return []place{p}, nil
	}
	return places, nil
}
