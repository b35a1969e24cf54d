package grants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

const day = 24 * time.Hour

// warnings are how many days before an end managers are told.
var warnings = []int{1, 3, 7}

// Void reports whether a grant does not serve until a person renews it: it has
// ended, or calls are refused and it could not be renewed. In the second case the
// renewal is tried on.
func Void(g models.Grant) bool { return g.Ended || !g.RefusedAt.IsZero() }

// Ends is when a grant ends unless a person renews it; zero: not in sight, or it
// is void. A grant whose renewal keeps failing ends with its access token.
func Ends(g models.Grant) time.Time {
	switch {
	case Void(g):
		return time.Time{}
	case !renewable(g) || g.Reason != "":
		return g.ExpiresAt
	case counted(g) && left(g) <= 2*notice:
		return Lasts(g)
	}
	return time.Time{}
}

// forEver is longer than any plan.
const forEver = 10 * 365 * day

// left is how long the renewals that a platform has left to a grant last.
func left(g models.Grant) time.Duration {
	return time.Duration(min(int64(g.RefreshesLeft), int64(forEver/usable(g)))) * usable(g)
}

// Lasts is until when a grant serves if all goes well; zero: for ever.
func Lasts(g models.Grant) time.Time {
	switch {
	case !renewable(g):
		return g.ExpiresAt
	case counted(g) && !g.ExpiresAt.IsZero():
		return g.ExpiresAt.Add(left(g))
	}
	return time.Time{}
}

// Watch warns managers of grants that end soon: once for each of the warnings,
// and only of the nearest where several are due.
func (k *Keeper) Watch(ctx context.Context) error {
	all, err := k.DB.Grants.List(ctx)
	if err != nil {
		return fmt.Errorf("grants: list: %w", err)
	}
	for _, g := range all {
		end := Ends(g)
		if end.IsZero() {
			continue
		}
		for _, days := range warnings {
			ahead := time.Duration(days) * day
			if failing(g) { // it has only begun: one that failed is no reason for alarm yet
				ahead = min(ahead, margin(g)/2)
			}
			if k.Now().Before(end.Add(-ahead)) {
				continue
			}
			if err := k.DB.Tx(ctx, func(tx *models.DB) error { return k.warn(ctx, tx, g, end, days) }); err != nil {
				return fmt.Errorf("grants: warn: %w", err)
			}
			break
		}
	}
	return nil
}

// failing reports whether a grant that could be renewed was not.
func failing(g models.Grant) bool { return renewable(g) && g.Reason != "" }

func (k *Keeper) warn(ctx context.Context, tx *models.DB, g models.Grant, end time.Time, days int) error {
	ids, names, err := storesOf(ctx, tx, g)
	if err != nil || len(ids) == 0 {
		return err
	}
	when, of := end.In(k.Location).Format("01-02 15:04"), g.AuthorizedAt
	title, over := "门店授权快到期了", !k.Now().Before(end)
	if over {
		title = "门店授权到期了"
	}
	text := fmt.Sprintf("%s 的平台授权 %s 到期，到期后不能验券。", names, when)
	switch {
	case failing(g) && over:
		text = fmt.Sprintf("%s 的平台授权没能自动续期，%s 已经到期，现在不能验券。我会继续尝试。", names, when)
	case over:
		text = fmt.Sprintf("%s 的平台授权 %s 已经到期，现在不能验券。", names, when)
	case g.Reason != "":
		text = fmt.Sprintf("%s 的平台授权没能自动续期，%s 到期，到期后不能验券。", names, when)
	}
	if failing(g) {
		of = end // each pair may fail
	}
	return k.Tell.TellManagers(ctx, tx, Notice{
		Key: fmt.Sprintf("ends/%s/%s/%d", g.ID, stamp(of), days), Stores: ids, Platform: g.Platform,
		Title: title, Text: text + "请点按钮重新授权。", Renew: true,
	})
}

// tellEnd tells managers of a grant that has ended, or that cannot be renewed
// any more.
func (k *Keeper) tellEnd(ctx context.Context, tx *models.DB, g models.Grant) error {
	ids, names, err := storesOf(ctx, tx, g)
	if err != nil || len(ids) == 0 {
		return err
	}
	action := "cannot renew"
	if g.Ended {
		action = "end"
	}
	if err := k.record(ctx, tx, g, action, "until "+stamp(g.ExpiresAt), g.Reason); err != nil {
		return err
	}
	n := Notice{
		Key:    fmt.Sprintf("end/%s/%s/%v", g.ID, stamp(g.AuthorizedAt), g.Ended),
		Stores: ids, Platform: g.Platform, Renew: true,
		Title: titleVoid, Text: names + " 在平台的授权失效了，现在不能验券。请点按钮重新授权。",
	}
	switch {
	case g.Reason == reasonUnbound:
		n.Text = names + " 在平台上解除了授权，现在不能验券。如果不是您操作的，请点按钮重新授权。"
	case !g.Ended:
		n.Title = "门店授权不能续期了"
		n.Text = fmt.Sprintf("%s 的平台授权不能再自动续期，%s 到期。请在这之前点按钮重新授权。", names, g.ExpiresAt.In(k.Location).Format("01-02 15:04"))
	default:
		if fresh, err := k.voidIsNews(ctx, tx, g); err != nil || !fresh {
			return err
		}
	}
	return k.Tell.TellManagers(ctx, tx, n)
}

// titleVoid is what cashiers are told, too.
const titleVoid = "门店授权失效"

// voidIsNews takes it upon the caller to tell that a grant is void: once in a day,
// also where calls are refused by turns.
func (k *Keeper) voidIsNews(ctx context.Context, tx *models.DB, g models.Grant) (bool, error) {
	fresh, err := tx.Alerts.Claim(ctx, "grant void/"+g.ID+"/"+stamp(g.AuthorizedAt), day)
	if err != nil {
		return false, fmt.Errorf("grants: alert: %w", err)
	}
	return fresh, nil
}

// refused notes that a session is refused and could not be renewed, and tells
// managers: the cashier has just heard that the authorisation is void.
func (k *Keeper) refused(ctx context.Context, account int64, session string) error {
	return k.ofSession(ctx, account, session, func(tx *models.DB, g models.Grant) error {
		if g.RefusedAt.IsZero() {
			if _, err := tx.Grants.MarkRefused(ctx, g, k.Now()); err != nil {
				return err
			}
		}
		ids, names, err := storesOf(ctx, tx, g)
		if err != nil || len(ids) == 0 {
			return err
		}
		if fresh, err := k.voidIsNews(ctx, tx, g); err != nil || !fresh {
			return err
		}
		if err := k.record(ctx, tx, g, "session refused", "until "+stamp(g.ExpiresAt), g.Reason); err != nil {
			return err
		}
		return k.Tell.TellManagers(ctx, tx, Notice{
			Key:    fmt.Sprintf("void/%s/%s", g.ID, stamp(k.Now())),
			Stores: ids, Platform: g.Platform, Renew: true,
			Title: titleVoid, Text: names + " 在平台的授权失效了，也没能自动续期，现在不能验券。请点按钮重新授权；在这之前我会继续尝试续期。",
		})
	})
}

// accepted notes that a session that was refused is taken again.
func (k *Keeper) accepted(ctx context.Context, account int64, session string) error {
	return k.ofSession(ctx, account, session, func(tx *models.DB, g models.Grant) error {
		_, err := tx.Grants.MarkRefused(ctx, g, time.Time{})
		return err
	})
}

// ofSession notes something of the grant of an account whose session was used, unless
// that was replaced meanwhile, or another call notes the same.
func (k *Keeper) ofSession(ctx context.Context, account int64, session string, note func(*models.DB, models.Grant) error) error {
	g, err := k.DB.Grants.OfAccount(ctx, account)
	if err != nil || g.Ended || g.AccessToken != session {
		return err
	}
	err = k.DB.Tx(ctx, func(tx *models.DB) error { return note(tx, g) })
	if errors.Is(err, models.ErrStale) {
		return nil
	}
	return err
}

// record writes what became of a grant into the audit log, once for each store.
func (k *Keeper) record(ctx context.Context, tx *models.DB, g models.Grant, action, before, after string) error {
	stores, err := covered(ctx, tx, g)
	if err != nil {
		return err
	}
	for _, s := range stores {
		entry := models.AuditEntry{At: k.Now(), UserID: "yanquan", Action: action, StoreID: s.ID, Subject: s.Name, Before: before, After: after}
		if err := tx.Audit.Record(ctx, entry); err != nil {
			return fmt.Errorf("grants: audit: %w", err)
		}
	}
	return nil
}

// storesOf lists the stores of a grant, and their names in a sentence.
func storesOf(ctx context.Context, tx *models.DB, g models.Grant) (ids []int64, names string, err error) {
	stores, err := covered(ctx, tx, g)
	if err != nil {
		return nil, "", err
	}
	var list []string
	for _, s := range stores {
		name := "「" + s.Name + "」"
		if len(s.Accounts()) > 1 { // its other platforms go on
			name += "的" + platform.Name(g.Platform)
		}
		ids, list = append(ids, s.ID), append(list, name)
	}
	if len(list) > 5 {
		return ids, fmt.Sprintf("%s等 %d 家门店", strings.Join(list[:5], ""), len(list)), nil
	}
	return ids, strings.Join(list, ""), nil
}

// covered lists the stores that have an account of a grant.
func covered(ctx context.Context, tx *models.DB, g models.Grant) ([]models.Store, error) {
	all, err := tx.Directory.Stores(ctx)
	return slices.DeleteFunc(all, func(s models.Store) bool {
		return !slices.ContainsFunc(s.Accounts(), func(a models.Account) bool { return a.GrantID == g.ID })
	}), err
}
