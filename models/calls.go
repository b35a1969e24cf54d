package models

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"
)

// CallStore records the requests to the platform.
type CallStore struct{ *core }

// Log records requests to the platform.
func (s CallStore) Log(ctx context.Context, calls []Call) error {
	if len(calls) == 0 {
		return nil
	}
	rows := make([]Call, len(calls))
	for i, c := range calls {
		c.ID, c.Times, c.UserID = 0, max(c.Times, 1), fold(c.UserID)
		if c.StartedAt.IsZero() {
			c.StartedAt = s.now()
		}
		rows[i] = tidy(c)
	}
	return s.write(ctx, "log calls", func(g *gorm.DB) error {
		return g.CreateInBatches(slices.Clone(rows), batch).Error // they have no ids yet, whenever it is tried
	})
}

// Of lists the requests by a name that were made for an operation, oldest first. Equal
// failures in a row are one.
func (s CallStore) Of(ctx context.Context, operationID, name string) (calls []Call, err error) {
	err = s.read(ctx, "find calls of an operation", func(g *gorm.DB) error {
		return g.Where("operation_id = ? AND name = ?", operationID, name).Order("id").Find(&calls).Error
	})
	return calls, err
}

// LogAgain records requests of an operation that is settled again and again: a
// failure that equals the last of the same name is counted with it. The others are
// recorded together.
func (s CallStore) LogAgain(ctx context.Context, calls []Call) error {
	var rest []Call
	for _, c := range calls {
		if c.Class == "" || c.OperationID == "" {
			rest = append(rest, c)
			continue
		}
		if slices.ContainsFunc(rest, c.follows) { // that one is the last of its name
			if err := s.Log(ctx, rest); err != nil {
				return err
			}
			rest = nil
		}
		switch err := s.count(ctx, tidy(c)); {
		case errors.Is(err, ErrStale):
			rest = append(rest, c)
		case err != nil:
			return err
		}
	}
	return s.Log(ctx, rest)
}

// follows reports whether a request is another one of the same name.
func (c Call) follows(o Call) bool {
	return c.OperationID == o.OperationID && c.Name == o.Name && c.ReceiptCode == o.ReceiptCode
}

// count counts a failure with an equal one before it. [ErrStale]: the last was
// different.
func (s CallStore) count(ctx context.Context, c Call) error {
	return s.swap(ctx, "count call", func(g *gorm.DB) *gorm.DB {
		return g.Model(&Call{}).
			Where("id = (SELECT id FROM (SELECT MAX(id) AS id FROM calls WHERE operation_id = ? AND name = ? AND receipt_code = ?) AS latest)",
				c.OperationID, c.Name, c.ReceiptCode).
			Where("class = ? AND outcome_reason = ? AND outcome_code = ? AND outcome_message = ?", c.Class, c.Reason, c.Code, c.Message).
			Updates(map[string]any{
				"times": gorm.Expr("times + 1"), "last_at": stamp(c.StartedAt), "took_ns": c.Took, "outcome_trace_id": c.TraceID,
			})
	})
}

// triesOf counts the codes that a person tried since a time and that came back with a
// reason.
const triesOf = "SELECT COUNT(DISTINCT receipt_code) AS n, MIN(started_at) AS oldest FROM calls" +
	" WHERE user_id = ? AND started_at >= ? AND outcome_reason = ?"

// UnknownCodes counts the codes that a person tried since a time and that came
// back with a reason.
func (s CallStore) UnknownCodes(ctx context.Context, user, reason string, since time.Time) (Tried, error) {
	var row struct {
		N      int
		Oldest time.Time `gorm:"serializer:utc"`
	}
	err := s.read(ctx, "count unknown codes", func(g *gorm.DB) error {
		return g.Raw(triesOf, fold(user), stamp(since), reason).Scan(&row).Error
	})
	return Tried(row), err
}

// Purge forgets up to limit records of requests to the platform that began
// before a time, and says how many.
func (s CallStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return purge[Call](ctx, s.core, "purge calls", limit, func(g *gorm.DB) *gorm.DB {
		return g.Where("started_at < ?", stamp(before)).Order("started_at")
	})
}
