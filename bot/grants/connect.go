package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yanquan/bot/platform"
	"yanquan/dianping"
	"yanquan/models"
)

// connect stores a grant with its shops, records who did it and tells them. A shop that
// was not known becomes an account of the store; 0: a new store.
func (k *Keeper) connect(ctx context.Context, on string, grant dianping.Grant, shops []dianping.AuthorizedShop, by Asker, store int64) (Connected, error) {
	g := k.taking(models.Grant{
		Platform: on, Purpose: string(grant.Purpose), CustomerID: grant.CustomerID, ShopID: grant.ShopID,
		AuthorizedBy: by.User, AuthorizedAt: k.Now(),
	}, grant)
	var done Connected
	err := k.DB.Tx(ctx, func(tx *models.DB) error {
		l, err := link(ctx, tx, &g, store, shops)
		if err != nil {
			return err
		}
		note, err := k.add(ctx, tx, by, store, g, l.fresh)
		if err != nil {
			return err
		}
		stores, err := covered(ctx, tx, g)
		if err != nil {
			return err
		}
		done = Connected{Platform: on, Stores: namesOf(stores), Until: Lasts(g)}
		if err := k.settle(ctx, tx, g, by, stores); err != nil {
			return err
		}
		note.Key, note.User, note.Platform = "connected/"+g.ID+"/"+stamp(g.AuthorizedAt), by.User, on
		still, err := stillOff(ctx, tx, l.off)
		if err != nil {
			return err
		}
		left, err := k.leftOut(ctx, tx, g, by, l.lost)
		if err != nil {
			return err
		}
		if note.Title, note.Text = "门店已接通", fmt.Sprintf("已接通 %d 家门店：%s。\n%s%s", len(stores), strings.Join(done.Stores, "、"), note.Text, still+left); len(stores) == 0 {
			note.Title, note.Text = "没有接通门店", strings.TrimPrefix(still+left, "\n")
		}
		return k.Tell.TellManagers(ctx, tx, note)
	})
	if err != nil {
		return Connected{}, fmt.Errorf("grants: connect: %w", err)
	}
	return done, nil
}

// links are the accounts that a new consent is about.
type links struct {
	fresh []models.Account // that no store has had
	off   []models.Account // that stay out of use
	lost  []models.Account // that it does not cover any more, as they were
}

// link stores a grant with its shops.
func link(ctx context.Context, tx *models.DB, g *models.Grant, into int64, shops []dianping.AuthorizedShop) (l links, err error) {
	ids, told := make([]string, len(shops)), make([]models.GrantShop, len(shops))
	for i, s := range shops {
		ids[i], told[i] = s.ID, models.GrantShop{ShopID: s.ID, Name: s.Name}
	}
	saved, err := tx.Grants.Save(ctx, *g)
	if err != nil {
		return l, err
	}
	*g = saved
	unknown, err := tx.Accounts.Unknown(ctx, g.Platform, ids)
	if err != nil {
		return l, err
	}
	linked, err := tx.Accounts.LinkGrant(ctx, *g, into, told)
	for _, a := range linked.Accounts {
		if slices.Contains(unknown, a.ShopID) {
			l.fresh = append(l.fresh, a)
		}
		if !a.Active {
			l.off = append(l.off, a)
		}
	}
	l.lost = linked.Lost
	return l, err
}

// leftOut records the accounts that a new consent does not cover any more, tells the
// managers of their stores what stops there and what to do, and names those for who
// authorised.
func (k *Keeper) leftOut(ctx context.Context, tx *models.DB, g models.Grant, by Asker, lost []models.Account) (string, error) {
	var text strings.Builder
	on := platform.Name(g.Platform)
	for _, a := range lost {
		s, err := tx.Directory.Store(ctx, a.ID)
		if err != nil {
			return "", err
		}
		entry := models.AuditEntry{At: k.Now(), UserID: by.User, Channel: by.Channel, Chat: by.Chat,
			Action: "leave out", StoreID: s.ID, Subject: s.Name, Before: on + " " + a.Name}
		if err := tx.Audit.Record(ctx, entry); err != nil {
			return "", err
		}
		_, err = tx.Grants.Session(ctx, a.ID)
		declared := err == nil // with a token of its own: nothing stops
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return "", err
		}
		if !a.Active || declared {
			continue
		}
		err = k.Tell.TellManagers(ctx, tx, Notice{
			Key: fmt.Sprintf("left out/%s/%s/%d", g.ID, stamp(g.AuthorizedAt), a.ID), Stores: []int64{s.ID}, Platform: g.Platform,
			Title: "门店的授权没有了", Text: stops(s, on),
		})
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "\n停用了：「%s」的%s，这次授权没有勾选它。要恢复，请再发「授权」，把在用的店都勾选。", s.Name, on)
	}
	return text.String(), nil
}

// stops says what a store cannot do any more at a platform whose new consent leaves it out.
func stops(s models.Store, on string) string {
	text := fmt.Sprintf("%s刚才重新授权，没有勾选「%s」，", on, s.Name)
	switch {
	case s.Declared():
		text += fmt.Sprintf("现在不能验%s的券，也不能撤销。", on)
	case s.Live():
		text += fmt.Sprintf("它的%s停用了：不再核销%s的券，也不能撤销，别的平台照常。", on, on)
	default:
		text += "整家门店停用了：群里不能验券，也不能撤销。群和店员都还在。"
	}
	text += "没有结果的核销，请到平台查看，再发「确认 券码 已核销」或「确认 券码 未核销」。要恢复，请发「授权」，"
	if !s.Declared() { // else it is not asked which
		text += fmt.Sprintf("选「%s」，", s.Name)
	}
	return text + "在平台上把在用的店都勾选。"
}

// stillOff names the accounts that stay out of use, and says how each comes back.
func stillOff(ctx context.Context, tx *models.DB, off []models.Account) (string, error) {
	var text strings.Builder
	for _, a := range off {
		s, err := tx.Directory.Store(ctx, a.ID)
		if err != nil {
			return "", err
		}
		on := platform.Name(a.Platform)
		fmt.Fprintf(&text, "\n仍然停用：「%s」的%s。", s.Name, on)
		switch {
		case s.On(a.Platform):
			fmt.Fprintf(&text, "「%s」在用另一家%s店，要换回来，请先停用那一家，再发「授权」。", s.Name, on)
		default:
			fmt.Fprintf(&text, "要恢复，请再发「授权」，选「%s」。", s.Name)
		}
	}
	return text.String(), nil
}

// settle records an authorisation and gives who made it a place.
func (k *Keeper) settle(ctx context.Context, tx *models.DB, g models.Grant, by Asker, stores []models.Store) error {
	for _, s := range stores {
		entry := models.AuditEntry{At: k.Now(), UserID: by.User, Channel: by.Channel, Chat: by.Chat,
			Action: "authorize", StoreID: s.ID, Subject: s.Name, After: "until " + stamp(g.ExpiresAt)}
		if err := tx.Audit.Record(ctx, entry); err != nil {
			return err
		}
	}
	if k.Place == nil {
		return nil
	}
	return k.Place(ctx, tx, by, stores)
}

// What a manager does next.
const (
	nextBind  = "下一步：在门店的群里 @我 发「绑定」，店员发「我是 姓名」加入。"
	nextMerge = "要和别的门店放在一起，请发「合并」。"
)

// add makes the one shop that was not known an account of a store, and says what came of
// it. Where the platform gave several, each stays a store, for it is not known yet which
// of them is meant: that is asked. A shop that was known stays where its people are.
func (k *Keeper) add(ctx context.Context, tx *models.DB, by Asker, store int64, g models.Grant, fresh []models.Account) (Notice, error) {
	on := g.Platform
	if store == 0 || k.MayAdd == nil {
		return Notice{Text: nextBind}, nil
	}
	s, may, err := k.MayAdd(ctx, tx, by, store)
	switch {
	case err != nil:
		return Notice{}, err
	case !s.Live() && s.ID != 0:
		return Notice{Text: fmt.Sprintf("平台没有给出「%s」的店，它仍然停用。", s.Name) + further(fresh)}, nil
	case !may:
		return Notice{Text: "您选的门店已经不在，或不再由您管理，所以成了新的门店。\n" + nextBind}, nil
	case cameBack(s, g, fresh):
		return Notice{Text: fmt.Sprintf("「%s」的%s恢复了，店员在原来的群里照常验券。", s.Name, platform.Name(on)) + further(fresh)}, nil
	case s.Declared() && len(fresh) != 1:
		return Notice{Text: declare(s, fresh)}, nil
	case len(fresh) == 0:
		return Notice{Text: "平台给出的店以前接通过，还在原来的门店。" + nextMerge}, nil
	case len(fresh) > 1:
		return Notice{Store: s.ID, Either: fresh, Text: fmt.Sprintf("平台一次给出了 %d 家新的店，所以各成一家门店。哪一家是「%s」？请点它；都不是就不用点。", len(fresh), s.Name)}, nil
	}
	a := fresh[0]
	err = tx.Accounts.Merge(ctx, s.ID, a.ID)
	if errors.Is(err, models.ErrSamePlatform) {
		return Notice{Text: fmt.Sprintf("「%s」已经有%s了，所以成了新的门店。\n%s", s.Name, platform.Name(on), nextBind)}, nil
	}
	if err != nil {
		return Notice{}, err
	}
	entry := models.AuditEntry{At: k.Now(), UserID: by.User, Channel: by.Channel, Chat: by.Chat,
		Action: "add account", StoreID: s.ID, Subject: s.Name, After: platform.Name(on) + " " + a.Name}
	if err := tx.Audit.Record(ctx, entry); err != nil {
		return Notice{}, err
	}
	return Notice{Text: fmt.Sprintf("%s接到了「%s」，店员在原来的群里照常验券。", platform.Name(on), s.Name)}, nil
}

// further says what to do with shops that became stores, if there are any.
func further(fresh []models.Account) string {
	if len(fresh) == 0 {
		return ""
	}
	return "\n" + nextBind
}

// cameBack reports whether a grant covers an account of a store that was known: it was
// taken off, or the store could not have been chosen.
func cameBack(s models.Store, g models.Grant, fresh []models.Account) bool {
	return slices.ContainsFunc(s.Accounts(), func(a models.Account) bool { return a.GrantID == g.ID && !slices.Contains(fresh, a) })
}

// declare says how shops become accounts of a store of config.yaml, which the chat does not
// change.
func declare(s models.Store, fresh []models.Account) string {
	if len(fresh) == 0 {
		return fmt.Sprintf("平台给出的店以前接通过，还在原来的门店。「%s」写在配置文件里：要放在一起，请写到 config.yaml 里它的 accounts: 下面。", s.Name)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "平台一次给出了 %d 家新的店，所以各成一家门店。「%s」写在配置文件里：是它的那一家，请写到 config.yaml 里它的 accounts: 下面：", len(fresh), s.Name)
	for _, a := range fresh {
		fmt.Fprintf(&text, "\n- {platform: %s, shop_id: %q} （%s）", a.Platform, a.ShopID, a.Name)
	}
	return text.String()
}

func namesOf(stores []models.Store) []string {
	var names []string
	for _, s := range stores {
		names = append(names, s.Name)
	}
	return names
}
