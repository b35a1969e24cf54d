package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// ExportState of an export.
//
//	running → sent | failed
type ExportState string

const (
	ExportRunning ExportState = "running"
	ExportSent    ExportState = "sent"   // its answer is in the outbox
	ExportFailed  ExportState = "failed" // the person was told
)

// Export is a list of vouchers that somebody asked for by a message, and that is
// made in the background. What is wanted is in that message.
type Export struct {
	ID         string      `gorm:"primaryKey;size:64"`
	InboxID    string      `gorm:"size:64"` // unique
	UserID     string      `gorm:"size:64"` // case-folded; has at most one running
	State      ExportState `gorm:"size:16"`
	Attempt    int         // fencing token: a claim raises it
	DueAt      time.Time   `gorm:"serializer:utc"` // while running: when anybody may take it up
	FileID     string      `gorm:"size:64"`        // when sent; "": there was nothing to list
	Reason     string      `gorm:"size:190"`       // when failed
	CreatedAt  time.Time   `gorm:"serializer:utc;autoCreateTime:false"`
	FinishedAt time.Time   `gorm:"serializer:utc"`
}

// TableName names the table for GORM.
func (Export) TableName() string { return "exports" }

// exportRow is an [Export] as it is stored. A unique index on running_user allows
// one at a time for each person; every database lets NULL repeat.
type exportRow struct {
	Export
	RunningUser *string `gorm:"size:64"`
}

// ExportStore keeps the exports that were asked for and are made in the background.
type ExportStore struct{ *core }

// Begin records what is to be made. Where the person has one under way, or the
// message has one already, it is [ErrDuplicate].
func (s ExportStore) Begin(ctx context.Context, e Export) (Export, error) {
	const what = "begin export"
	if e.ID == "" {
		e.ID = s.cfg.NewID()
	}
	if e.CreatedAt.IsZero() {
		e.CreatedAt = s.now()
	}
	if e.DueAt.IsZero() {
		e.DueAt = s.now()
	}
	e.UserID, e.State, e.Attempt = fold(e.UserID), ExportRunning, 0
	if err := identity(what, 64, e.ID, e.InboxID, e.UserID); err != nil {
		return Export{}, err
	}
	e = tidy(e)
	row := exportRow{Export: e, RunningUser: &e.UserID}
	return unless(s.write(ctx, what, func(g *gorm.DB) error { return g.Create(&row).Error }), e)
}

// Due lists what anybody may take up now, the longest waiting first.
func (s ExportStore) Due(ctx context.Context, now time.Time, limit int) ([]Export, error) {
	var rows []Export
	err := s.read(ctx, "list due exports", func(g *gorm.DB) error {
		return g.Where("due_at <= ? AND state = ?", stamp(now), ExportRunning).Order("due_at, id").Limit(limit).Find(&rows).Error
	})
	return rows, err
}

// Claim takes up an export that is due. Of several who try, one wins; the others
// get [ErrStale].
func (s ExportStore) Claim(ctx context.Context, e Export, until time.Time) (Export, error) {
	held := e.Attempt
	e.Attempt, e.DueAt = held+1, moment(until)
	err := s.swap(ctx, "claim export", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Export{}).
			Where("id = ? AND attempt = ? AND state = ? AND due_at <= ?", e.ID, held, ExportRunning, stamp(s.now())).
			Updates(map[string]any{"attempt": e.Attempt, "due_at": stamp(e.DueAt)})
	})
	return unless(err, e)
}

// Extend moves the end of the owner's lease. Who has lost it gets [ErrStale].
func (s ExportStore) Extend(ctx context.Context, e Export, until time.Time) error {
	return s.move(ctx, "keep export", e, map[string]any{"due_at": stamp(until)})
}

// Finish records that the answer is in the outbox, in the transaction that puts
// it there; the person can ask for the next one.
func (s ExportStore) Finish(ctx context.Context, e Export, fileID string) error {
	return s.move(ctx, "finish export", e, map[string]any{
		"state": ExportSent, "running_user": nil, "due_at": nil, "finished_at": stamp(s.now()), "file_id": fileID,
	})
}

// Fail records that it is given up.
func (s ExportStore) Fail(ctx context.Context, e Export, reason string) error {
	return s.move(ctx, "fail export", e, map[string]any{
		"state": ExportFailed, "running_user": nil, "due_at": nil, "finished_at": stamp(s.now()), "reason": clip(reason, 190),
	})
}

func (s ExportStore) move(ctx context.Context, what string, e Export, to map[string]any) error {
	return s.swap(ctx, what, func(g *gorm.DB) *gorm.DB {
		return g.Model(&Export{}).Where("id = ? AND attempt = ? AND state = ?", e.ID, e.Attempt, ExportRunning).Updates(to)
	})
}

// Purge forgets up to limit exports that were begun before a time and are
// finished, and says how many.
func (s ExportStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Export](ctx, s.core, "purge exports", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("created_at < ? AND state <> ?", stamp(before), ExportRunning).Order("created_at")
	})
}
