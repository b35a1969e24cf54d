package models

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"
)

// Session is an account's access to its platform: the token that config.yaml
// declares for it, otherwise that of its grant. Tokens are sealed in the
// database and kept out of formatted text.
type Session struct {
	AccountID    int64
	AccessToken  string // "" where the grant has ended: the merchant must authorise again
	RefreshToken string
	ExpiresAt    time.Time // zero: not known
	GrantID      string    // "" for a declared token
	Version      int       // of the grant
	Refused      bool      // calls with it were refused last, see [Grant.RefusedAt]
}

// String keeps the tokens out of formatted text.
func (s Session) String() string { return "models.Session{account:" + storeKey(s.AccountID) + "}" }

// GoString keeps the tokens out of %#v.
func (s Session) GoString() string { return s.String() }

// LogValue keeps the tokens out of logs.
func (s Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// sessionRow is a token that config.yaml declared.
type sessionRow struct {
	StoreID      int64 `gorm:"primaryKey;autoIncrement:false"`
	AccessToken  []byte
	RefreshToken []byte
	ExpiresAt    time.Time `gorm:"serializer:utc"`
	Declared     []byte    // fingerprint of the token in config.yaml
}

func (sessionRow) TableName() string { return "sessions" }

// sessionOf is what is needed to find an account's session, read at once.
type sessionOf struct {
	DeclaredAccess  []byte
	DeclaredRefresh []byte
	DeclaredExpires time.Time `gorm:"serializer:utc"`
	GrantedBy       string    // the grant
	GrantAccess     []byte
	GrantRefresh    []byte
	GrantExpires    time.Time `gorm:"serializer:utc"`
	Version         int
	Refused         bool
}

// sessionColumns are the columns of a sessionOf, in a query of stores that
// [withSessions] has joined them to.
const sessionColumns = "sessions.access_token AS declared_access, sessions.refresh_token AS declared_refresh," +
	" sessions.expires_at AS declared_expires, grants.id AS granted_by, grants.access_token AS grant_access," +
	" grants.refresh_token AS grant_refresh, grants.expires_at AS grant_expires, grants.version AS version," +
	" grants.refused_at IS NOT NULL AS refused"

func withSessions(g *gorm.DB) *gorm.DB {
	return g.Joins("LEFT JOIN sessions ON sessions.store_id = stores.id AND stores.origin = ?", OriginConfig).
		Joins("LEFT JOIN grants ON grants.id = stores.grant_id")
}

// Session gives an account's access to its platform.
func (s GrantStore) Session(ctx context.Context, accountID int64) (Session, error) {
	const what = "find session"
	var rows []sessionOf
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Table("stores").Select(sessionColumns).Scopes(withSessions).Where("stores.id = ?", accountID).Scan(&rows).Error
	})
	row, err := first(rows, err, what)
	if err != nil {
		return Session{}, err
	}
	return s.openSession(what, accountID, row)
}

func (s GrantStore) openSession(what string, accountID int64, row sessionOf) (session Session, err error) {
	session.AccountID = accountID
	var access, refresh []byte
	switch {
	case row.DeclaredAccess != nil:
		session.ExpiresAt = row.DeclaredExpires
		access, refresh, err = s.openPair(sessionAccess, sessionRefresh, storeKey(accountID), row.DeclaredAccess, row.DeclaredRefresh)
	case row.GrantedBy != "":
		session.ExpiresAt, session.GrantID, session.Version, session.Refused = row.GrantExpires, row.GrantedBy, row.Version, row.Refused
		access, refresh, err = s.openPair(grantAccess, grantRefresh, row.GrantedBy, row.GrantAccess, row.GrantRefresh)
	default:
		err = failed(what, ErrNotFound)
	}
	if err != nil {
		return Session{}, err
	}
	session.AccessToken, session.RefreshToken = string(access), string(refresh)
	return session, nil
}

// openPair decrypts an access and a refresh token; either may be NULL.
func (s GrantStore) openPair(access, refresh column, row string, sealedAccess, sealedRefresh []byte) (a, r []byte, err error) {
	if a, err = s.keys.openNull(access, row, sealedAccess); err != nil {
		return nil, nil, err
	}
	r, err = s.keys.openNull(refresh, row, sealedRefresh)
	return a, r, err
}
