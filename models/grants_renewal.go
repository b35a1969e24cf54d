package models

import (
	"context"
	"errors"
	"maps"
	"time"

	"gorm.io/gorm"
)

// Save records a fresh authorisation: a new grant, or new tokens for the one
// with the same Platform, Purpose, CustomerID and ShopID, which keeps its ID and
// lives again if it had ended. g.ID, Version and Pair are not looked at. Of
// several at once the last one stands.
func (s GrantStore) Save(ctx context.Context, g Grant) (Grant, error) {
	const what = "save grant"
	if err := newGrant(what, g); err != nil {
		return Grant{}, err
	}
	if g.AuthorizedAt.IsZero() {
		g.AuthorizedAt = s.now()
	}
	g.ID, g.Version, g.Pair, g.AuthorizedBy = s.cfg.NewID(), 1, 1, fold(g.AuthorizedBy)
	g.Ended, g.Reason, g.LeaseUntil, g.RenewedAt = false, "", time.Time{}, time.Time{}
	g.TriedAt, g.Failures, g.Early, g.RefusedAt = time.Time{}, 0, 0, time.Time{}
	g = tidy(g)

	var saved Grant
	err := s.inTx(ctx, func(tx *DB) error {
		saved = g
		old, err := tx.Grants.like(ctx, what, g)
		if errors.Is(err, ErrNotFound) {
			err = tx.Grants.insert(ctx, what, g)
			if !errors.Is(err, ErrDuplicate) {
				return err
			}
			old, err = tx.Grants.like(ctx, what, g) // another one was first
		}
		if err != nil {
			return err
		}
		saved.ID = old.ID
		saved, err = tx.Grants.replacePair(ctx, what, saved, map[string]any{
			"authorized_by": g.AuthorizedBy, "authorized_at": stamp(g.AuthorizedAt),
		}, "id = ?", old.ID)
		return err
	})
	return unless(err, saved)
}

// newGrant checks what identifies a grant, and that there is something to it.
func newGrant(what string, g Grant) error {
	if g.AccessToken == "" {
		return failed(what, ErrInvalid)
	}
	if err := identity(what, 32, g.Platform); err != nil {
		return err
	}
	for _, id := range []struct {
		value string
		size  int
	}{{g.Purpose, 32}, {g.CustomerID, 128}, {g.ShopID, 128}} {
		if id.value == "" { // not applicable
			continue
		}
		if err := identity(what, id.size, id.value); err != nil {
			return err
		}
	}
	return nil
}

// like finds the grant of the same consent. It does not open the tokens: they
// are about to be replaced.
func (s GrantStore) like(ctx context.Context, what string, g Grant) (grantRow, error) {
	var rows []grantRow
	err := s.read(ctx, what, func(o *gorm.DB) error {
		return o.Where("platform = ? AND purpose = ? AND customer_id = ? AND shop_id = ?",
			g.Platform, g.Purpose, g.CustomerID, g.ShopID).Find(&rows).Error
	})
	return first(rows, err, what)
}

func (s GrantStore) insert(ctx context.Context, what string, g Grant) error {
	row := grantRow{
		Grant:   g,
		Access:  s.keys.sealText(grantAccess, g.ID, g.AccessToken),
		Refresh: s.keys.sealText(grantRefresh, g.ID, g.RefreshToken),
	}
	return s.write(ctx, what, func(o *gorm.DB) error { return o.Create(&row).Error })
}

// Claim takes up the renewal of a grant that nobody is renewing, whether it is
// due or not, and counts it. Of several who try, one wins; the others get
// [ErrStale].
func (s GrantStore) Claim(ctx context.Context, g Grant, until time.Time) (Grant, error) {
	held := g.Version
	g.Version, g.LeaseUntil = held+1, moment(until)
	g.Failures, g.TriedAt = g.Failures+1, moment(s.now())
	err := s.swap(ctx, "claim grant", func(o *gorm.DB) *gorm.DB {
		return o.Model(&Grant{}).Where("id = ? AND version = ? AND ended = ?", g.ID, held, false).
			Where(leaseFree, stamp(s.now())).
			Updates(map[string]any{
				"version": g.Version, "lease_until": stamp(g.LeaseUntil), "failures": g.Failures, "tried_at": stamp(g.TriedAt),
			})
	})
	return unless(err, g)
}

// MarkRenewed records the new tokens of g, with their expiries, DueAt and Early,
// and ends the lease. It only asks that the pair they replace is still the
// stored one: a platform may have spent that pair, so that the new one must not
// be lost because a lease ran out meanwhile, or because another process, refused
// since the pair was spent, ended the grant. [ErrStale] where the pair was
// replaced.
func (s GrantStore) MarkRenewed(ctx context.Context, g Grant) (Grant, error) {
	const what = "record renewal of grant"
	if g.AccessToken == "" {
		return Grant{}, failed(what, ErrInvalid)
	}
	g.Ended, g.Reason, g.LeaseUntil, g.RenewedAt, g.Failures, g.RefusedAt = false, "", time.Time{}, s.now(), 0, time.Time{}
	g = tidy(g)
	var renewed Grant
	err := s.inTx(ctx, func(tx *DB) (err error) {
		renewed, err = tx.Grants.replacePair(ctx, what, g, nil, "id = ? AND pair = ?", g.ID, g.Pair)
		return err
	})
	return unless(err, renewed)
}

// replacePair writes the tokens of g and what belongs to them. It runs in a
// transaction, where nobody can move the row between the change and the reading
// of its numbers.
func (s GrantStore) replacePair(ctx context.Context, what string, g Grant, more map[string]any, where string, args ...any) (Grant, error) {
	values := map[string]any{
		"access_token":  s.keys.sealText(grantAccess, g.ID, g.AccessToken),
		"refresh_token": s.keys.sealText(grantRefresh, g.ID, g.RefreshToken),
		"expires_at":    stamp(g.ExpiresAt), "refresh_expires_at": stamp(g.RefreshExpiresAt),
		"refreshes_left": g.RefreshesLeft, "scope": g.Scope,
		"ended": false, "reason": "", "lease_until": nil,
		"due_at": stamp(g.DueAt), "renewed_at": stamp(g.RenewedAt),
		"tried_at": stamp(g.TriedAt), "failures": 0, "early": g.Early, "refused_at": nil,
		"version": gorm.Expr("version + 1"), "pair": gorm.Expr("pair + 1"),
	}
	maps.Copy(values, more)
	err := s.swap(ctx, what, func(o *gorm.DB) *gorm.DB {
		return o.Model(&Grant{}).Where(where, args...).Updates(values)
	})
	if err != nil {
		return Grant{}, err
	}
	return s.numbered(ctx, what, g)
}

// numbered gives g the numbers that it has in the database. It belongs in the transaction
// that has raised them.
func (s GrantStore) numbered(ctx context.Context, what string, g Grant) (Grant, error) {
	var rows []Grant
	err := s.read(ctx, what, func(o *gorm.DB) error {
		return o.Select("version", "pair").Where("id = ?", g.ID).Find(&rows).Error
	})
	numbers, err := first(rows, err, what)
	g.Version, g.Pair = numbers.Version, numbers.Pair
	return g, err
}

// MarkFailed records that a renewal failed and the tokens stay as they are; next
// is when to try again.
func (s GrantStore) MarkFailed(ctx context.Context, g Grant, reason string, next time.Time) (Grant, error) {
	held := g.Version
	g.Version, g.Reason, g.DueAt, g.LeaseUntil = held+1, clip(reason, 255), moment(next), time.Time{}
	return unless(s.move(ctx, "record failed renewal of grant", held, g, map[string]any{
		"reason": g.Reason, "due_at": stamp(g.DueAt),
	}), g)
}

// MarkRefused records since when calls with the tokens of g are refused; zero:
// they are taken again. It moves nothing: a renewal in progress goes on.
// [ErrStale] where it is known already, or the tokens are not the stored ones
// any more.
func (s GrantStore) MarkRefused(ctx context.Context, g Grant, since time.Time) (Grant, error) {
	g.RefusedAt = moment(since)
	news := "refused_at IS NULL"
	if since.IsZero() {
		news = "refused_at IS NOT NULL"
	}
	return unless(s.swap(ctx, "record refused session of grant", func(o *gorm.DB) *gorm.DB {
		return o.Model(&Grant{}).Where("id = ? AND pair = ? AND ended = ?", g.ID, g.Pair, false).Where(news).
			Update("refused_at", stamp(g.RefusedAt))
	}), g)
}

// End records that the merchant must authorise again, and forgets the tokens.
// The stores stay linked, so that people can be told why they stand still.
func (s GrantStore) End(ctx context.Context, g Grant, reason string) (Grant, error) {
	held := g.Version
	g = over(g, reason)
	g.Version = held + 1
	return unless(s.move(ctx, "end grant", held, g, overValues(g)), g)
}

// Withdraw ends the grant that g identifies because the merchant took the consent back,
// where that was given before a time. It counts as a new pair, so that the tokens of a
// renewal under way, by whichever process, are not stored: they would make the grant live
// again. So it is with one that was ended for another reason before. [ErrStale] where it
// was given anew since, or this is known; [ErrNotFound] where there is none.
func (s GrantStore) Withdraw(ctx context.Context, g Grant, given time.Time, reason string) (Grant, error) {
	const what = "withdraw grant"
	var ended Grant
	err := s.inTx(ctx, func(tx *DB) error {
		row, err := tx.Grants.like(ctx, what, g)
		if err != nil {
			return err
		}
		ended = over(row.Grant, reason)
		values := overValues(ended)
		values["lease_until"], values["version"], values["pair"] = nil, gorm.Expr("version + 1"), gorm.Expr("pair + 1")
		err = tx.Grants.swap(ctx, what, func(o *gorm.DB) *gorm.DB {
			return o.Model(&Grant{}).Where("id = ? AND authorized_at < ?", ended.ID, stamp(given)).
				Where("ended = ? OR reason <> ?", false, ended.Reason).Updates(values)
		})
		if err != nil {
			return err
		}
		ended, err = tx.Grants.numbered(ctx, what, ended)
		return err
	})
	return unless(err, ended)
}

// over is a grant that has ended.
func over(g Grant, reason string) Grant {
	g.Reason, g.DueAt, g.LeaseUntil = clip(reason, 255), time.Time{}, time.Time{}
	g.Ended, g.AccessToken, g.RefreshToken = true, "", ""
	return g
}

// overValues are the columns of [over], but that of the lease.
func overValues(g Grant) map[string]any {
	return map[string]any{"reason": g.Reason, "due_at": nil, "ended": true, "access_token": nil, "refresh_token": nil}
}

// move writes values and ends the lease, if the grant lives and is still as it
// was read.
func (s GrantStore) move(ctx context.Context, what string, held int, g Grant, values map[string]any) error {
	values["version"], values["lease_until"] = g.Version, nil
	return s.swap(ctx, what, func(o *gorm.DB) *gorm.DB {
		return o.Model(&Grant{}).Where("id = ? AND version = ? AND ended = ?", g.ID, held, false).Updates(values)
	})
}
