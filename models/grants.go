package models

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"
)

// Grant is a merchant's consent; it covers one account or several. Platform,
// Purpose, CustomerID and ShopID are unique together, "" where not applicable.
// Tokens are sealed in the database and kept out of formatted text.
type Grant struct {
	ID               string    `gorm:"primaryKey;size:64"`
	Platform         string    `gorm:"size:32"`
	Purpose          string    `gorm:"size:32"`
	CustomerID       string    `gorm:"size:128"`
	ShopID           string    `gorm:"size:128"`
	AccessToken      string    `gorm:"-"`
	RefreshToken     string    `gorm:"-"`
	ExpiresAt        time.Time `gorm:"serializer:utc"` // of the access token; zero: not known
	RefreshExpiresAt time.Time `gorm:"serializer:utc"` // zero: not known
	RefreshesLeft    int       // -1: not told
	Scope            string    `gorm:"size:255"`
	Ended            bool      // withdrawn or refused: the merchant must authorise again
	Reason           string    `gorm:"size:255"` // of the last failed renewal, or of the end; "" after success
	Version          int       // fencing token: every move checks and raises it
	// Pair counts the token pairs, and what the merchant took back as one. It tells
	// whether a new pair still replaces the one it was made from, even where the lease
	// was lost meanwhile.
	Pair         int
	LeaseUntil   time.Time `gorm:"serializer:utc"` // somebody is renewing until then; zero: nobody
	DueAt        time.Time `gorm:"serializer:utc"` // next renewal; zero: none
	AuthorizedBy string    `gorm:"size:64"`
	AuthorizedAt time.Time `gorm:"serializer:utc"`
	RenewedAt    time.Time `gorm:"serializer:utc"` // zero: not since it was authorised
	// How renewals went, for whoever decides when the next one may begin.
	TriedAt  time.Time `gorm:"serializer:utc"` // when the last one was begun; zero: none since it was authorised
	Failures int       // renewals begun since the tokens were obtained, so also one in progress
	Early    int       // renewals before their time, since the last one in its time
	// RefusedAt is since when calls with the stored access token are refused, and
	// it could not be renewed; zero: they are not.
	RefusedAt time.Time `gorm:"serializer:utc"`
}

// TableName names the table for GORM.
func (Grant) TableName() string { return "grants" }

// String keeps the tokens out of formatted text.
func (g Grant) String() string {
	return "models.Grant{" + g.ID + " " + g.Platform + " customer:" + g.CustomerID + " shop:" + g.ShopID + "}"
}

// GoString keeps the tokens out of %#v.
func (g Grant) GoString() string { return g.String() }

// LogValue keeps the tokens out of logs.
func (g Grant) LogValue() slog.Value { return slog.StringValue(g.String()) }

// grantRow is a [Grant] as it is stored. links counts how often its stores were
// told (see [AccountStore.LinkGrant]).
type grantRow struct {
	Grant
	Access  []byte `gorm:"column:access_token"`
	Refresh []byte `gorm:"column:refresh_token"`
	Links   int
}

// GrantStore keeps the merchants' consents, and gives each account's access to its platform.
type GrantStore struct{ *core }

func (s GrantStore) open(row grantRow) (grantRow, error) {
	access, refresh, err := s.openPair(grantAccess, grantRefresh, row.ID, row.Access, row.Refresh)
	row.AccessToken, row.RefreshToken = string(access), string(refresh)
	return row, err
}

// Get finds a grant.
func (s GrantStore) Get(ctx context.Context, id string) (Grant, error) {
	return s.one(ctx, func(g *gorm.DB) *gorm.DB { return g.Where("id = ?", id) })
}

// OfAccount finds the grant that covers an account, also one that has ended.
func (s GrantStore) OfAccount(ctx context.Context, accountID int64) (Grant, error) {
	return s.one(ctx, func(g *gorm.DB) *gorm.DB {
		return g.Joins("JOIN stores ON stores.grant_id = grants.id").Where("stores.id = ?", accountID)
	})
}

func (s GrantStore) one(ctx context.Context, which func(*gorm.DB) *gorm.DB) (Grant, error) {
	const what = "find grant"
	var rows []grantRow
	err := s.read(ctx, what, func(g *gorm.DB) error { return which(g).Find(&rows).Error })
	row, err := first(rows, err, what)
	if err != nil {
		return Grant{}, err
	}
	row, err = s.open(row)
	return unless(err, row.Grant)
}

// List lists all grants, also those that have ended.
func (s GrantStore) List(ctx context.Context) ([]Grant, error) {
	return s.list(ctx, func(g *gorm.DB) *gorm.DB { return g.Order("authorized_at, id") })
}

// Due lists the grants that are to be renewed and that nobody is renewing now,
// the longest waiting first.
func (s GrantStore) Due(ctx context.Context, now time.Time, limit int) ([]Grant, error) {
	return s.list(ctx, func(g *gorm.DB) *gorm.DB {
		return g.Where("due_at <= ? AND ended = ?", stamp(now), false).Where(leaseFree, stamp(now)).
			Order("due_at, id").Limit(limit)
	})
}

// leaseFree: nobody is renewing the grant at a time.
const leaseFree = "(lease_until IS NULL OR lease_until <= ?)"

func (s GrantStore) list(ctx context.Context, which func(*gorm.DB) *gorm.DB) ([]Grant, error) {
	var rows []grantRow
	err := s.read(ctx, "list grants", func(g *gorm.DB) error { return which(g).Find(&rows).Error })
	rows, err = readable(ctx, s.core, "grant", rows, err, s.open)
	if err != nil {
		return nil, err
	}
	list := make([]Grant, len(rows))
	for i, r := range rows {
		list[i] = r.Grant
	}
	return list, nil
}
