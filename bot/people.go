package bot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"yanquan/models"
)

// roleNames are what people call the roles.
var roleNames = map[models.Role]string{models.RoleStaff: "店员", models.RoleLead: "组长", models.RoleManager: "店长"}

// join asks for a place in the store of a group.
func (b *Bot) join(ctx context.Context, tx *models.DB, m Message, name string) (Reply, error) {
	if m.Private() {
		return say("请在门店的群里 @我 发「我是 %s」。", name), nil
	}
	stores, err := tx.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: stores of a group: %w", err)
	}
	switch len(stores) {
	case 0:
		return say("这个群还没有绑定门店。请管理员先在这里发「绑定」。"), nil
	case 1:
		return b.joinStore(ctx, tx, m, stores[0].ID, name)
	}
	keys, _ := storeKeys(stores, keyJoin)
	for i := range keys {
		keys[i].Key += " " + name
	}
	return Reply{Card: &Card{TaskID: b.NewID(), Source: "验券", Title: "加入哪家门店？", Keys: keys}}, nil
}

func (b *Bot) joinStore(ctx context.Context, tx *models.DB, m Message, storeID int64, name string) (Reply, error) {
	name, problem := personName(name)
	if problem != "" {
		return Reply{Text: problem}, nil
	}
	stores, err := tx.StoresOfChat(ctx, m.Chat)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: stores of a group: %w", err)
	}
	var s *models.Store
	for i := range stores {
		if stores[i].ID == storeID {
			s = &stores[i]
		}
	}
	if m.Private() || s == nil {
		return foreignCard, nil
	}
	role, err := b.roleIn(ctx, tx, m.User, s.ID)
	switch {
	case err != nil:
		return Reply{}, err
	case s.Origin == models.OriginConfig:
		return say("%s 的人员写在配置文件里。请管理员把您的账号 %s 加到 config.yaml。", s.Name, m.User), nil
	case role != "" && b.managers[strings.ToLower(m.User)], b.AccessByGroup && role == "":
		if role == "" {
			role = models.RoleStaff
		}
		if err := b.setMember(ctx, tx, m, models.Member{StoreID: s.ID, UserID: m.User, Name: name, Role: role}); err != nil {
			return Reply{}, err
		}
		return say("好的，%s。您现在是 %s 的%s。", name, s.Name, roleNames[role]), nil
	case role != "":
		return say("您已经是 %s 的%s，可以直接验券。", s.Name, roleNames[role]), nil
	}
	asked, fresh, err := tx.AskToJoin(ctx, models.Join{
		ID: b.NewID(), StoreID: s.ID, UserID: m.User, Name: name, Channel: m.Channel, Chat: m.Chat, CreatedAt: b.Now(),
	})
	if err != nil {
		return Reply{}, fmt.Errorf("bot: ask to join: %w", err)
	}
	if !fresh {
		return say("您的申请已经发给管理员了，请等一下。"), nil
	}
	if err := b.record(ctx, tx, m, "ask to join", s.ID, m.User, "", name); err != nil {
		return Reply{}, err
	}
	users, err := b.peopleOf(ctx, tx, []int64{s.ID}, models.RoleLead, models.RoleManager)
	if err != nil {
		return Reply{}, err
	}
	card := Card{
		Source: source(*s), Title: "有人申请加入", Desc: name,
		Fields: []Field{{Key: "姓名", Value: name}, {Key: "账号", Value: m.User, User: m.User}, {Key: "门店", Value: s.Name}},
		Text:   "同意以后，这个人可以在这家门店验券。",
		Keys:   []CardKey{{Text: "同意", Key: keyApprove + asked.ID, Style: Primary}, {Text: "拒绝", Key: keyRefuse + asked.ID, Style: Danger}},
	}
	if err := b.tellOnce(ctx, tx, "join/"+asked.ID, users, Reply{Card: &card}); err != nil {
		return Reply{}, err
	}
	return say("已经告诉管理员：%s 申请加入 %s。同意后会通知您。", name, s.Name), nil
}

const maxPersonName = 20 // runes

// personName checks what somebody calls themselves.
func personName(s string) (name, problem string) {
	name = strings.Join(strings.Fields(strings.Trim(s, punctuation+" \n")), " ")
	switch n := len([]rune(name)); {
	case n == 0:
		return "", "请带上姓名，例如：我是 张三"
	case n > maxPersonName:
		return "", fmt.Sprintf("姓名最多 %d 个字，请短一点。", maxPersonName)
	}
	return name, ""
}

// decide approves or refuses somebody who asked to join.
func (b *Bot) decide(ctx context.Context, tx *models.DB, m Message, id string, approve bool) (Reply, error) {
	asked, err := tx.Join(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return say("这个申请已经不在了。"), nil
	}
	if err != nil {
		return Reply{}, fmt.Errorf("bot: join: %w", err)
	}
	s, refused, err := b.changeable(ctx, tx, m.User, asked.StoreID, models.RoleLead)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	asked, err = tx.DecideJoin(ctx, id, approve, m.User)
	if errors.Is(err, models.ErrStale) {
		return Reply{Card: b.decidedCard(s, asked)}, nil
	}
	if err != nil {
		return Reply{}, fmt.Errorf("bot: decide: %w", err)
	}
	answer := say("%s 没有同意您加入 %s。", m.User, s.Name)
	if approve {
		member := models.Member{StoreID: s.ID, UserID: asked.UserID, Name: asked.Name, Role: models.RoleStaff}
		if err := b.setMember(ctx, tx, m, member); err != nil {
			return Reply{}, err
		}
		answer = say("%s，您已加入 %s，可以验券了。例如：验 7992697494", asked.Name, s.Name)
	} else if err := b.record(ctx, tx, m, "refuse", s.ID, asked.UserID, "", asked.Name); err != nil {
		return Reply{}, err
	}
	if b.NoticeChannel != "" {
		d := Delivery{ID: b.NewID(), Channel: b.NoticeChannel, User: asked.UserID, Reply: answer}
		if err := b.enqueue(ctx, tx, d, "", "", b.Now()); err != nil {
			return Reply{}, err
		}
	}
	return Reply{Card: b.decidedCard(s, asked)}, nil
}

func (b *Bot) decidedCard(s models.Store, asked models.Join) *Card {
	c := &Card{TaskID: b.NewID(), Source: source(s), Title: "已拒绝", Desc: asked.Name,
		Fields: fields(Field{Key: "账号", Value: asked.UserID, User: asked.UserID}, Field{Key: "处理人", Value: asked.DecidedBy, User: asked.DecidedBy})}
	if asked.State == models.JoinApproved {
		c.Title, c.Tone = "已同意", Good
	}
	return c
}

// setMember writes a person's place and the audit entry.
func (b *Bot) setMember(ctx context.Context, tx *models.DB, m Message, member models.Member) error {
	before := ""
	switch old, err := tx.Member(ctx, member.StoreID, member.UserID); {
	case err == nil:
		before = old.Name + " " + string(old.Role)
	case !errors.Is(err, models.ErrNotFound):
		return fmt.Errorf("bot: member: %w", err)
	}
	if err := tx.SetMember(ctx, member); err != nil {
		return fmt.Errorf("bot: member: %w", err)
	}
	return b.record(ctx, tx, m, "member", member.StoreID, member.UserID, before, member.Name+" "+string(member.Role))
}

// offerPeople shows the people of the store that is meant, or asks which.
func (b *Bot) offerPeople(ctx context.Context, tx *models.DB, m Message) (Reply, error) {
	places, denied, err := b.access(ctx, tx, m)
	if err != nil || len(places) == 0 {
		return denied, err
	}
	var stores []models.Store
	for _, p := range places {
		if p.member.Role == models.RoleManager || p.member.Role == models.RoleLead {
			stores = append(stores, p.Store)
		}
	}
	switch len(stores) {
	case 0:
		return say("只有组长和店长可以看人员名单。"), nil
	case 1:
		return b.people(ctx, tx, m, stores[0].ID, 0)
	}
	keys, rest := storeKeys(stores, keyPeople)
	c := Card{TaskID: b.NewID(), Source: "验券", Title: "看哪家门店的人？", Keys: keys}
	if rest > 0 {
		c.Text = fmt.Sprintf("还有 %d 家没有列出来，请到那家门店的群里发「员工」。", rest)
	}
	return Reply{Card: &c}, nil
}

// people lists a store's people from one on, with a button for each that a
// manager can change.
func (b *Bot) people(ctx context.Context, tx *models.DB, m Message, storeID int64, from int) (Reply, error) {
	role, err := b.roleIn(ctx, tx, m.User, storeID)
	if err != nil {
		return Reply{}, err
	}
	if role != models.RoleManager && role != models.RoleLead {
		return say("只有组长和店长可以看人员名单。"), nil
	}
	s, err := tx.Store(ctx, storeID)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: store: %w", err)
	}
	members, err := tx.Members(ctx, storeID)
	if err != nil {
		return Reply{}, fmt.Errorf("bot: members: %w", err)
	}
	c := Card{TaskID: b.NewID(), Source: source(s), Title: fmt.Sprintf("%d 位员工", len(members))}
	if from < 0 || from >= len(members) {
		from = 0
	}
	shown := members[from:min(from+maxFields-1, len(members))]
	change := role == models.RoleManager && s.Origin != models.OriginConfig
	for _, p := range shown {
		c.Fields = append(c.Fields, Field{Key: roleNames[p.Role], Value: p.Name, User: p.UserID})
		if change {
			c.Keys = append(c.Keys, CardKey{Text: p.Name, Key: keyPerson + strconv.FormatInt(storeID, 10) + " " + p.UserID, Style: Quiet})
		}
	}
	switch {
	case len(members) == 0:
		c.Text = "还没有人。店员在门店的群里发「我是 姓名」申请加入。"
	case change:
		c.Text = "点名字可以改角色或移出。"
	case s.Origin == models.OriginConfig:
		c.Text = "这家门店的人员写在配置文件里。"
	}
	if next := from + len(shown); len(shown) < len(members) {
		if next >= len(members) {
			next = 0
		}
		c.Keys = append(c.Keys, CardKey{Text: "其他人", Key: keyPeople + strconv.FormatInt(storeID, 10) + " " + strconv.Itoa(next), Style: Quiet})
	}
	return Reply{Card: &c}, nil
}

// person shows one of a store's people with what can be changed.
func (b *Bot) person(ctx context.Context, tx *models.DB, m Message, storeID int64, user string) (Reply, error) {
	s, refused, err := b.changeable(ctx, tx, m.User, storeID)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	p, err := tx.Member(ctx, storeID, user)
	if errors.Is(err, models.ErrNotFound) {
		return say("这个人已经不在 %s 了。", s.Name), nil
	}
	if err != nil {
		return Reply{}, fmt.Errorf("bot: member: %w", err)
	}
	return Reply{Card: b.personCard(s, p)}, nil
}

func (b *Bot) personCard(s models.Store, p models.Member) *Card {
	c := &Card{TaskID: b.NewID(), Source: source(s), Title: p.Name, Desc: roleNames[p.Role],
		Fields: []Field{{Key: "账号", Value: p.UserID, User: p.UserID}}}
	about := strconv.FormatInt(s.ID, 10) + " "
	for _, role := range []models.Role{models.RoleStaff, models.RoleLead, models.RoleManager} {
		if role != p.Role {
			c.Keys = append(c.Keys, CardKey{Text: "设为" + roleNames[role], Key: keyRole + about + string(role) + " " + p.UserID, Style: Quiet})
		}
	}
	c.Keys = append(c.Keys, CardKey{Text: "移出门店", Key: keyRemove + about + p.UserID, Style: Danger})
	return c
}

func (b *Bot) setRole(ctx context.Context, tx *models.DB, m Message, storeID int64, role models.Role, user string) (Reply, error) {
	s, refused, err := b.changeable(ctx, tx, m.User, storeID)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	p, err := tx.Member(ctx, storeID, user)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return say("这个人已经不在 %s 了。", s.Name), nil
	case err != nil:
		return Reply{}, fmt.Errorf("bot: member: %w", err)
	case roleNames[role] == "":
		return oldCard, nil
	}
	p.Role = role
	if err := b.setMember(ctx, tx, m, p); err != nil {
		return Reply{}, err
	}
	return Reply{Card: b.personCard(s, p)}, nil
}

func (b *Bot) remove(ctx context.Context, tx *models.DB, m Message, storeID int64, user string) (Reply, error) {
	s, refused, err := b.changeable(ctx, tx, m.User, storeID)
	if err != nil || !refused.Empty() {
		return refused, err
	}
	p, err := tx.Member(ctx, storeID, user)
	if errors.Is(err, models.ErrNotFound) {
		return say("这个人已经不在 %s 了。", s.Name), nil
	}
	if err != nil {
		return Reply{}, fmt.Errorf("bot: member: %w", err)
	}
	if _, err := tx.RemoveMember(ctx, storeID, user); err != nil {
		return Reply{}, fmt.Errorf("bot: remove: %w", err)
	}
	if err := b.record(ctx, tx, m, "remove", s.ID, p.UserID, p.Name+" "+string(p.Role), ""); err != nil {
		return Reply{}, err
	}
	return Reply{Card: &Card{TaskID: b.NewID(), Source: source(s), Title: "已移出", Desc: p.Name + " 不能再在 " + s.Name + " 验券"}}, nil
}
