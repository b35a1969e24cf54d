package models

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm/logger"
)

// slowStatement is when a statement is worth a line in the log.
const slowStatement = time.Second

// slowLog is GORM's logger. It only speaks of slow statements, and never of
// values: errors go to the caller, and values are codes and phone numbers.
type slowLog struct{ log *slog.Logger }

func (l slowLog) LogMode(logger.LogLevel) logger.Interface { return l }

func (slowLog) Info(context.Context, string, ...any)  {}
func (slowLog) Warn(context.Context, string, ...any)  {}
func (slowLog) Error(context.Context, string, ...any) {}

func (l slowLog) Trace(ctx context.Context, begin time.Time, statement func() (sql string, rows int64), _ error) {
	if took := time.Since(begin); took >= slowStatement {
		sql, rows := statement()
		l.log.WarnContext(ctx, "database: slow statement", "took", took, "rows", rows, "sql", sql)
	}
}

// ParamsFilter keeps values out of the text.
func (slowLog) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) { return sql, nil }
