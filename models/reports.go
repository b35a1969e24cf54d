package models

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"
)

// reportRow says that a summary was put into the outbox, or that there was nothing to put.
type reportRow struct {
	UserID    string    `gorm:"primaryKey;size:64"` // case-folded
	Kind      string    `gorm:"primaryKey;size:16"`
	Begins    string    `gorm:"primaryKey;size:10"`                  // 2006-01-02
	CreatedAt time.Time `gorm:"serializer:utc;autoCreateTime:false"` // as of when it was summed up
	Told      *string   // of a day: a [Told]; a process of an earlier version keeps none
}

func (reportRow) TableName() string { return "reports" }

// daily is the kind of the summaries of days.
const daily = "day"

// Told is what a person knows of a day, by its summary and those of later days.
type Told struct {
	UpTo     time.Time         `json:"to"` // of the day
	Accounts map[int64]DaySums `json:"a"`  // all that it is about, also without business
}

// DaySums is what an account's day adds up to.
type DaySums struct {
	Verified Sum `json:"v,omitzero"`
	Undone   Sum `json:"u,omitzero"`
	Refunded Sum `json:"r,omitzero"`
}

// DayReport is the summary of a day that a person has had.
type DayReport struct {
	Day string    // 2006-01-02
	At  time.Time // when it was summed up
	row *reportRow
}

// Kept reports whether what the person knows of the day was kept.
func (d DayReport) Kept() bool { return d.row != nil && d.row.Told != nil }

// Told is what the person knows of the day; nil: it was not kept.
func (d DayReport) Told() (*Told, error) {
	if !d.Kept() {
		return nil, nil
	}
	told := new(Told)
	return told, json.Unmarshal([]byte(*d.row.Told), told)
}

// ReportStore keeps which summaries were sent to whom, and what those of days have told.
type ReportStore struct{ *core }

// Claim claims for the caller to send a person the summary of a kind that begins
// on a day, summed up at a time; told is what one of a day tells. It is false where that was
// claimed before. It belongs in the transaction that puts the summary into the outbox.
func (s ReportStore) Claim(ctx context.Context, user, kind, begins string, at time.Time, told *Told) (fresh bool, err error) {
	const what = "take report"
	row := reportRow{UserID: fold(user), Kind: kind, Begins: begins, CreatedAt: at}
	for _, id := range []string{row.UserID, kind, begins} {
		if err := identity(what, 64, id); err != nil {
			return false, err
		}
	}
	if told != nil {
		if row.Told, err = told.text(); err != nil {
			return false, err
		}
	}
	return addOnce(ctx, s.core, what, &row)
}

func (t Told) text() (*string, error) {
	text, err := json.Marshal(t)
	s := string(text)
	return &s, err
}

// Recipients lists who has been sent the summary of a kind that begins on a day.
func (s ReportStore) Recipients(ctx context.Context, kind, begins string) ([]string, error) {
	var users []string
	err := s.read(ctx, "list reports", func(g *gorm.DB) error {
		return g.Model(&reportRow{}).Where("kind = ? AND begins = ?", kind, begins).Order("user_id").Pluck("user_id", &users).Error
	})
	return users, err
}

// Days lists the summaries of days from one until before another that a person has had,
// oldest first.
func (s ReportStore) Days(ctx context.Context, user, from, to string) ([]DayReport, error) {
	var rows []reportRow
	err := s.read(ctx, "list reports of days", func(g *gorm.DB) error {
		return g.Where("user_id = ? AND kind = ? AND begins >= ? AND begins < ?", fold(user), daily, from, to).Order("begins").Find(&rows).Error
	})
	days := make([]DayReport, len(rows))
	for i := range rows {
		days[i] = DayReport{rows[i].Begins, rows[i].CreatedAt, &rows[i]}
	}
	return days, err
}

// Correct keeps what a person knows of a day from here on, as of a time where the day had no
// summary. [ErrStale] means that another summary has told of it meanwhile.
func (s ReportStore) Correct(ctx context.Context, user string, d DayReport, at time.Time, told Told) error {
	const what = "correct report"
	text, err := told.text()
	if err != nil {
		return err
	}
	if d.row == nil {
		fresh, err := s.Claim(ctx, user, daily, d.Day, at, &told)
		if err == nil && !fresh {
			return failed(what, ErrStale)
		}
		return err
	}
	if d.Kept() && *d.row.Told == *text {
		return nil
	}
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		g = g.Model(&reportRow{}).Where("user_id = ? AND kind = ? AND begins = ?", fold(user), daily, d.Day)
		if !d.Kept() {
			return g.Where("told IS NULL").Update("told", text)
		}
		return g.Where("told = ?", *d.row.Told).Update("told", text)
	})
}

// Purge forgets the summaries of days before one that a person has had.
func (s ReportStore) Purge(ctx context.Context, user, before string) error {
	const what = "purge reports"
	var old []string
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Model(&reportRow{}).Where("user_id = ? AND kind = ? AND begins < ?", fold(user), daily, before).Pluck("begins", &old).Error
	})
	if err != nil || len(old) == 0 {
		return err
	}
	// One by one: a range would be locked against those of others that come at the same time.
	return s.write(ctx, what, func(g *gorm.DB) error {
		return g.Where("user_id = ? AND kind = ? AND begins IN ?", fold(user), daily, old).Delete(&reportRow{}).Error
	})
}
