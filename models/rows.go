package models

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// first gives the first row, or [ErrNotFound].
func first[T any](rows []T, err error, what string) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(rows) == 0 {
		return none, failed(what, ErrNotFound)
	}
	return rows[0], nil
}

// unless gives the row, or nothing where there is an error.
func unless[T any](err error, row T) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return row, nil
}

// readable opens the rows of a list. One that does not open is left out with a
// line in the log, so that it does not hold up the others.
func readable[T any](ctx context.Context, c *core, kind string, rows []T, err error, open func(T) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	good := rows[:0]
	for _, row := range rows {
		row, err := open(row)
		if err != nil {
			c.cfg.Log.ErrorContext(ctx, "database: "+kind+" cannot be read", "error", err)
			continue
		}
		good = append(good, row)
	}
	return good, nil
}

// batch is how many rows one INSERT takes, below every limit on parameters.
const batch = 200

// addRows inserts, in the order given.
func addRows[T any](ctx context.Context, c *core, what string, rows []T, conflict clause.OnConflict) error {
	if len(rows) == 0 {
		return nil
	}
	return c.write(ctx, what, func(g *gorm.DB) error {
		return g.Clauses(conflict).CreateInBatches(rows, batch).Error
	})
}

// addOnce adds a row that is there once. It is false where it was there.
func addOnce[T any](ctx context.Context, c *core, what string, row *T) (fresh bool, err error) {
	err = c.write(ctx, what, func(g *gorm.DB) error { return g.Create(row).Error })
	if errors.Is(err, ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// purge deletes the first rows of a selection by their ids, a few at a time: a
// single DELETE over a range would lock that range against new rows.
func purge[T any](ctx context.Context, c *core, what string, limit int, old func(*gorm.DB) *gorm.DB) (gone int, err error) {
	var ids []any
	err = c.read(ctx, what, func(g *gorm.DB) error {
		return old(g.Model(new(T))).Limit(limit).Pluck("id", &ids).Error
	})
	if err != nil {
		return 0, err
	}
	for chunk := range slices.Chunk(ids, batch) {
		var hit int64
		err := c.write(ctx, what, func(g *gorm.DB) error {
			result := g.Where("id IN ?", chunk).Delete(new(T))
			hit = result.RowsAffected
			return result.Error
		})
		if err != nil {
			return gone, err
		}
		gone += int(hit)
	}
	return gone, nil
}
