package models

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gorm.io/gorm"
)

// AppToken is the access token that a platform gives to an application as a whole, and
// what is known of its renewal. It is sealed in the database and kept out of formatted
// text.
type AppToken struct {
	ID          string    `gorm:"primaryKey;size:190"` // platform and application
	Version     int64     // raised by each Swap; 0: nothing is kept
	Token       string    `gorm:"-"`
	ObtainedAt  time.Time `gorm:"serializer:utc"` // before it was asked for
	ExpiresAt   time.Time `gorm:"serializer:utc"`
	LeasedUntil time.Time `gorm:"serializer:utc"` // one process asks for a newer one, until then
	NotBefore   time.Time `gorm:"serializer:utc"` // no newer one is asked for before
	InDoubt     bool      // the answer to the last request is missing
	DisplacedAt time.Time `gorm:"serializer:utc"` // when a token was refused that no newer one of ours had ended
}

// String keeps the token out of formatted text.
func (t AppToken) String() string { return "models.AppToken{" + t.ID + "}" }

// GoString keeps the token out of %#v.
func (t AppToken) GoString() string { return t.String() }

// LogValue keeps the token out of logs.
func (t AppToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

type appTokenRow struct {
	AppToken `gorm:"embedded"`
	Access   []byte
}

func (appTokenRow) TableName() string { return "app_tokens" }

// AppTokenStore keeps the tokens of applications where all replicas find them.
type AppTokenStore struct{ *core }

// Get gives what is kept under an id, one of Version 0 where nothing is.
func (s AppTokenStore) Get(ctx context.Context, id string) (AppToken, error) {
	const what = "find token of the application"
	var rows []appTokenRow
	err := s.read(ctx, what, func(g *gorm.DB) error { return g.Where("id = ?", id).Find(&rows).Error })
	row, err := first(rows, err, what)
	if errors.Is(err, ErrNotFound) {
		return AppToken{ID: id}, nil
	}
	if err != nil {
		return AppToken{}, err
	}
	token, err := s.keys.openNull(appTokenAccess, id, row.Access)
	row.Token = string(token)
	return unless(err, row.AppToken)
}

// Swap keeps a token if the Version of what is kept is the one before its own.
// [ErrStale]: another process was first.
func (s AppTokenStore) Swap(ctx context.Context, t AppToken) error {
	const what = "keep token of the application"
	if err := identity(what, 190, t.ID); err != nil {
		return err
	}
	row := tidy(appTokenRow{AppToken: t, Access: s.keys.sealText(appTokenAccess, t.ID, t.Token)})
	if t.Version == 1 {
		err := s.write(ctx, what, func(g *gorm.DB) error { return g.Create(&row).Error })
		if errors.Is(err, ErrDuplicate) {
			return failed(what, ErrStale)
		}
		return err
	}
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&appTokenRow{}).Where("id = ? AND version = ?", t.ID, t.Version-1).Select("*").Omit("id").Updates(row)
	})
}
