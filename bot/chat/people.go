package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot"
	"yanquan/bot/access"
	"yanquan/bot/command"
	"yanquan/bot/grants"
	"yanquan/bot/notice"
	"yanquan/bot/outbox"
	"yanquan/bot/words"
	"yanquan/models"
)

// people are who works in stores: they ask to join, and get and lose roles.
type people struct {
	access        *access.Access
	notices       *notice.Notices
	out           *outbox.Outbox
	turns         *turns
	AccessByGroup bool
	NoticeChannel string
	NoticeRobot   bool
	Now           func() time.Time
	NewID         func() string
}

// joinable are the stores of a group.
func (u *people) joinable(ctx context.Context, tx *models.DB, m bot.Message) (choice, bot.Reply, error) {
	stores, err := tx.Directory.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return choice{}, bot.Reply{}, fmt.Errorf("chat: stores of a group: %w", err)
	}
	if len(stores) == 0 {
		return choice{}, bot.Say("这个群还没有绑定门店。请管理员先在这里发「绑定」。"), nil
	}
	return choice{title: "加入哪家门店？", stores: stores, style: bot.Primary, alone: true}, bot.Reply{}, nil
}

// join asks for a place in a store of the group; who may take one by themselves
// gets it at once.
func (u *people) join(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	if !strings.EqualFold(b.User, m.User) {
		return bot.Say("这是 %s 的申请。您要加入，请自己发「我是 姓名」。", b.Name), nil
	}
	name, problem := command.PersonName(b.Name)
	if problem != "" {
		return bot.Say("%s", problem), nil
	}
	stores, err := tx.Directory.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: stores of a group: %w", err)
	}
	i := slices.IndexFunc(stores, func(s models.Store) bool { _, ok := s.AccountOf(b.Store); return ok })
	if m.Private() || i < 0 {
		return words.ForeignCard.Reply(), nil
	}
	s := stores[i]
	role, err := u.access.Role(ctx, tx, m.User, s.ID)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case s.Declared():
		return bot.Say("%s 的人员写在配置文件里。请管理员把您的账号 %s 加到 config.yaml。", s.Name, bot.Exact(m.User)), nil
	case u.access.ManagesAll(m.User):
		if err := u.setMember(ctx, tx, m, models.Member{StoreID: s.ID, UserID: m.User, Name: name, Role: role}); err != nil {
			return bot.Reply{}, err
		}
		return bot.Say("好的，%s。您现在是 %s 的%s。", name, s.Name, words.RoleNames[role]), nil
	case u.AccessByGroup && role == "": // the place is the group's; only the name is kept
		if err := u.setMember(ctx, tx, m, models.Member{StoreID: s.ID, UserID: m.User, Name: name, Role: models.RoleGuest}); err != nil {
			return bot.Reply{}, err
		}
		return bot.Say("好的，%s。您可以在这个群里为 %s 验券。", name, s.Name), nil
	case role != "" && role != models.RoleBarred:
		return bot.Say("您已经是 %s 的%s，可以直接验券。", s.Name, words.RoleNames[role]), nil
	}
	return u.ask(ctx, tx, m, s, name)
}

// maxAsks is how often somebody may ask to join a store in a day: each time its
// managers are told.
const maxAsks = 5

// ask sends a request to join to the leads and managers of a store: by the app, or as a card
// in the group where there is none.
func (u *people) ask(ctx context.Context, tx *models.DB, m bot.Message, s models.Store, name string) (bot.Reply, error) {
	switch n, err := tx.Joins.Asked(ctx, s.ID, m.User, u.Now().Add(-24*time.Hour)); {
	case err != nil:
		return bot.Reply{}, fmt.Errorf("chat: ask to join: %w", err)
	case n >= maxAsks:
		return bot.Say("您今天已经申请了 %d 次。请等管理员处理，或当面请店长加您。", n), nil
	}
	users, err := u.access.PeopleOf(ctx, tx, []int64{s.ID}, models.RoleLead, models.RoleManager)
	switch {
	case err != nil:
		return bot.Reply{}, err
	case len(users) == 0:
		return bot.Say("%s 还没有组长、店长和管理员，没有人能同意您加入。请维护的人把管理员写进 config.yaml 的 managers，再发一次。", s.Name), nil
	}
	asked, fresh, err := tx.Joins.Ask(ctx, models.Join{
		ID: u.NewID(), StoreID: s.ID, UserID: m.User, Name: name, Channel: m.Channel, Chat: m.Chat, CreatedAt: u.Now(),
	})
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: ask to join: %w", err)
	}
	if fresh {
		if err := u.turns.record(ctx, tx, m, "ask to join", s.ID, m.User, "", name); err != nil {
			return bot.Reply{}, err
		}
	}
	card := bot.Card{
		Source: words.Source(s), Title: "有人申请加入", Desc: name,
		Fields: []bot.Field{{Key: "姓名", Value: name}, {Key: "账号", Value: m.User, User: m.User}, {Key: "门店", Value: s.Name}},
		Text:   "同意以后，这个人可以在这家门店验券。",
		Keys:   []bot.CardKey{{Text: "同意", Key: command.Button{Action: command.ActApprove, Join: asked.ID}.Key(), Style: bot.Primary}, {Text: "拒绝", Key: command.Button{Action: command.ActRefuse, Join: asked.ID}.Key(), Style: bot.Danger}},
	}
	if u.NoticeChannel != "" {
		if err := u.notices.TellUsers(ctx, tx, "join/"+asked.ID, users, bot.Reply{Card: &card}); err != nil {
			return bot.Reply{}, err
		}
	}
	switch {
	case u.NoticeChannel == "" || u.NoticeRobot: // a robot's notice may reach no manager
		here := card
		here.TaskID, here.Text = u.NewID(), "请组长、店长或管理员在这里点。"+card.Text
		return bot.Reply{Card: &here}, nil
	case !fresh:
		return bot.Say("您的申请已经发给管理员了，请等一下。"), nil
	}
	return bot.Say("已经告诉管理员：%s 申请加入 %s。同意后会通知您。", name, s.Name), nil
}

// decide approves or refuses somebody who asked to join.
func (u *people) decide(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	id, approve := b.Join, b.Action == command.ActApprove
	asked, err := tx.Joins.Get(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return bot.Say("这个申请已经不在了。"), nil
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: join: %w", err)
	}
	s, refused, err := u.access.Changeable(ctx, tx, m.User, asked.StoreID, models.RoleLead)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	asked, err = tx.Joins.Decide(ctx, id, approve, m.User)
	if errors.Is(err, models.ErrStale) {
		return bot.Reply{Card: u.decidedCard(s, asked)}, nil
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: decide: %w", err)
	}
	answer := bot.Say("%s 没有同意您加入 %s。", m.User, s.Name)
	if approve {
		role, err := u.access.Role(ctx, tx, asked.UserID, s.ID)
		if err != nil {
			return bot.Reply{}, err
		}
		if role == "" || role == models.RoleBarred {
			role = models.RoleStaff
		}
		member := models.Member{StoreID: s.ID, UserID: asked.UserID, Name: asked.Name, Role: role}
		if err := u.setMember(ctx, tx, m, member); err != nil {
			return bot.Reply{}, err
		}
		answer = bot.Say("%s，您已加入 %s，可以验券了。例如：验 7992697494", asked.Name, s.Name)
	} else if err := u.turns.record(ctx, tx, m, "refuse", s.ID, asked.UserID, "", asked.Name); err != nil {
		return bot.Reply{}, err
	}
	if u.NoticeChannel != "" { // else the card itself tells it
		d := bot.Delivery{ID: u.NewID(), Channel: u.NoticeChannel, User: asked.UserID, Reply: answer}
		if u.NoticeRobot { // the person need not have written to it but in the group
			d.Channel, d.Chat, d.Way.Robot = asked.Channel, asked.Chat, true
		}
		if err := u.out.Enqueue(ctx, tx, d, "", "", u.Now()); err != nil {
			return bot.Reply{}, err
		}
	}
	return bot.Reply{Card: u.decidedCard(s, asked)}, nil
}

func (u *people) decidedCard(s models.Store, asked models.Join) *bot.Card {
	c := &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "已拒绝", Desc: asked.Name,
		Fields: bot.Fields(bot.Field{Key: "账号", Value: asked.UserID, User: asked.UserID}, bot.Field{Key: "处理人", Value: asked.DecidedBy, User: asked.DecidedBy})}
	switch asked.State {
	case models.JoinApproved:
		c.Title, c.Tone = "已同意", bot.Good
	case models.JoinReplaced:
		c.Title, c.Text = "申请改了姓名", "这个人换了姓名重新申请。请看新的那张卡片。"
	}
	return c
}

// setMember writes a person's place and the audit entry.
func (u *people) setMember(ctx context.Context, tx *models.DB, m bot.Message, member models.Member) error {
	before := ""
	switch old, err := tx.Directory.Member(ctx, member.StoreID, member.UserID); {
	case err == nil:
		before = old.Name + " " + string(old.Role)
	case !errors.Is(err, models.ErrNotFound):
		return fmt.Errorf("chat: member: %w", err)
	}
	if err := tx.Directory.SetMember(ctx, member); err != nil {
		return fmt.Errorf("chat: member: %w", err)
	}
	return u.turns.record(ctx, tx, m, "member", member.StoreID, member.UserID, before, member.Name+" "+string(member.Role))
}

// place makes who authorised stores the manager of those that have neither people nor
// groups, as a new one has not: without a manager it could not be set up from the chat.
// A store that has people or groups keeps its managers, also if these manage every store.
func (u *people) place(ctx context.Context, tx *models.DB, by grants.Asker, stores []models.Store) error {
	places, err := tx.Directory.Memberships(ctx, by.User)
	if err != nil {
		return fmt.Errorf("chat: memberships: %w", err)
	}
	i := slices.IndexFunc(places, isManager)
	if i < 0 || u.access.ManagesAll(by.User) { // not any more, or everywhere
		return nil
	}
	for _, s := range stores {
		members, err := tx.Directory.Members(ctx, s.ID)
		if err != nil {
			return fmt.Errorf("chat: members: %w", err)
		}
		chats, err := tx.Directory.ChatsOfStore(ctx, s.ID)
		if err != nil {
			return fmt.Errorf("chat: chats: %w", err)
		}
		if s.Declared() || len(s.Further)+len(members)+len(chats) > 0 {
			continue
		}
		m := bot.Message{User: by.User, Channel: by.Channel, Chat: by.Chat}
		if err := u.setMember(ctx, tx, m, models.Member{StoreID: s.ID, UserID: by.User, Name: places[i].Name, Role: models.RoleManager}); err != nil {
			return err
		}
	}
	return nil
}

// follow makes who manages a store the manager of another that came of it. Managers of all
// need no place.
func (u *people) follow(ctx context.Context, tx *models.DB, m bot.Message, from, to int64) error {
	if u.access.ManagesAll(m.User) {
		return nil
	}
	p, err := tx.Directory.Member(ctx, from, m.User)
	if err != nil {
		return fmt.Errorf("chat: member: %w", err)
	}
	return u.setMember(ctx, tx, m, models.Member{StoreID: to, UserID: p.UserID, Name: p.Name, Role: models.RoleManager})
}

func isManager(m models.Member) bool { return m.Role == models.RoleManager }

// led are the stores whose people somebody may see.
func (u *people) led(ctx context.Context, tx *models.DB, m bot.Message) (choice, bot.Reply, error) {
	places, denied, err := u.access.Of(ctx, tx, m)
	if err != nil || len(places) == 0 {
		return choice{}, denied.Reply(), err
	}
	var stores []models.Store
	for _, p := range access.Led(places) {
		stores = append(stores, p.Store)
	}
	if len(stores) == 0 {
		return choice{}, onlyLeads, nil
	}
	return choice{title: "看哪家门店的人？", stores: stores, style: bot.Primary, word: "员工", alone: true}, bot.Reply{}, nil
}

var onlyLeads = bot.Reply{Text: "只有组长和店长可以看人员名单。"}

// list lists a store's people from one on, with a button for each that a
// manager can change.
func (u *people) list(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	storeID, from := b.Store, b.From
	role, err := u.access.Role(ctx, tx, m.User, storeID)
	if err != nil {
		return bot.Reply{}, err
	}
	if role != models.RoleManager && role != models.RoleLead {
		return onlyLeads, nil
	}
	s, err := tx.Directory.Store(ctx, storeID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: store: %w", err)
	}
	members, err := tx.Directory.Members(ctx, storeID)
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: members: %w", err)
	}
	barred := func(p models.Member) bool { return p.Role == models.RoleBarred }
	off := slices.DeleteFunc(slices.Clone(members), func(p models.Member) bool { return !barred(p) })
	members = append(slices.DeleteFunc(members, barred), off...) // the list begins with the staff
	c := bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: fmt.Sprintf("%d 位员工", len(members)-len(off))}
	if from >= len(members) {
		from = 0
	}
	shown := members[from:min(from+bot.MaxFields-1, len(members))]
	change := role == models.RoleManager && !s.Declared()
	for _, p := range shown {
		c.Fields = append(c.Fields, bot.Field{Key: words.RoleNames[p.Role], Value: p.Name, User: p.UserID})
		if change {
			c.Keys = append(c.Keys, bot.CardKey{Text: p.Name, Key: command.Button{Action: command.ActPerson, Store: storeID, User: p.UserID}.Key(), Style: bot.Quiet})
		}
	}
	switch {
	case len(members) == 0:
		c.Text = "还没有人。店员在门店的群里发「我是 姓名」申请加入。"
	case change:
		c.Text = "点名字可以改角色或移出。"
		if u.AccessByGroup {
			c.Text += "群里没有报过姓名的人不在这里，也能验券；不让谁验，请把这个人移出群。"
		}
	case s.Declared():
		c.Text = "这家门店的人员写在配置文件里。"
	}
	if next := from + len(shown); len(shown) < len(members) {
		if next >= len(members) {
			next = 0
		}
		c.Keys = append(c.Keys, bot.CardKey{Text: "其他人", Key: command.Button{Action: command.ActPeople, Store: storeID, From: next}.Key(), Style: bot.Quiet})
	}
	return bot.Reply{Card: &c}, nil
}

// changeable finds a person of a store whom the sender may change. Where there is
// none, the reply says why.
func (u *people) changeable(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (s models.Store, p models.Member, refused bot.Reply, err error) {
	if s, refused, err = u.access.Changeable(ctx, tx, m.User, b.Store); err != nil || !refused.Empty() {
		return s, p, refused, err
	}
	p, err = tx.Directory.Member(ctx, b.Store, b.User)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return s, p, bot.Say("这个人已经不在 %s 了。", s.Name), nil
	case err != nil:
		return s, p, bot.Reply{}, fmt.Errorf("chat: member: %w", err)
	}
	return s, p, bot.Reply{}, nil
}

// person shows one of a store's people with what can be changed.
func (u *people) person(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	s, p, refused, err := u.changeable(ctx, tx, m, b)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	return bot.Reply{Card: u.personCard(s, p)}, nil
}

func (u *people) personCard(s models.Store, p models.Member) *bot.Card {
	c := &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: p.Name, Desc: words.RoleNames[p.Role],
		Fields: []bot.Field{{Key: "账号", Value: p.UserID, User: p.UserID}}}
	for _, role := range []models.Role{models.RoleStaff, models.RoleLead, models.RoleManager} {
		if role != p.Role {
			c.Keys = append(c.Keys, bot.CardKey{Text: "设为" + words.RoleNames[role], Key: command.Button{Action: command.ActRole, Store: s.ID, Role: string(role), User: p.UserID}.Key(), Style: bot.Quiet})
		}
	}
	if p.Role == models.RoleBarred && u.AccessByGroup {
		c.Text = "这个人在门店的群里也不能验券。"
		return c
	}
	c.Keys = append(c.Keys, bot.CardKey{Text: "移出门店", Key: command.Button{Action: command.ActRemove, Store: s.ID, User: p.UserID}.Key(), Style: bot.Danger})
	return c
}

func (u *people) setRole(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	s, p, refused, err := u.changeable(ctx, tx, m, b)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	if words.RoleNames[models.Role(b.Role)] == "" {
		return words.OldCard.Reply(), nil
	}
	p.Role = models.Role(b.Role)
	if err := u.setMember(ctx, tx, m, p); err != nil {
		return bot.Reply{}, err
	}
	return bot.Reply{Card: u.personCard(s, p)}, nil
}

func (u *people) remove(ctx context.Context, tx *models.DB, m bot.Message, b command.Button) (bot.Reply, error) {
	s, p, refused, err := u.changeable(ctx, tx, m, b)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	if u.AccessByGroup { // a group makes staff of members without a role
		err = tx.Directory.SetMember(ctx, models.Member{StoreID: p.StoreID, UserID: p.UserID, Name: p.Name, Role: models.RoleBarred})
	} else {
		_, err = tx.Directory.RemoveMember(ctx, b.Store, b.User)
	}
	if err != nil {
		return bot.Reply{}, fmt.Errorf("chat: remove: %w", err)
	}
	if err := u.turns.record(ctx, tx, m, "remove", s.ID, p.UserID, p.Name+" "+string(p.Role), ""); err != nil {
		return bot.Reply{}, err
	}
	return bot.Reply{Card: &bot.Card{TaskID: u.NewID(), Source: words.Source(s), Title: "已移出", Desc: p.Name + " 不能再在 " + s.Name + " 验券",
		Text: "以后要让这个人回来，请他在门店的群里发「我是 姓名」，您再点同意。"}}, nil
}
