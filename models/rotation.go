package models

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// metaKeyCheck is the row of table meta that belongs to the current key.
const metaKeyCheck = "key_check"

// checkKey finds out whether the key that this database was last used with is
// one of ours.
func (db *DB) checkKey(ctx context.Context) error {
	const what = "check secret_key"
	var stored []string
	err := db.read(ctx, what, func(g *gorm.DB) error {
		return g.Raw("SELECT value FROM meta WHERE name = ?", metaKeyCheck).Scan(&stored).Error
	})
	if missingTable(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(stored) == 1 && !slices.ContainsFunc(db.keys.known, func(k *sealKey) bool { return k.check == stored[0] }) {
		return failed(what, ErrWrongKey)
	}
	return nil
}

// keepKeyCheck makes the current key the database's, in place of none or of one
// of the old ones. A program that does not know it is refused from then on, for
// it could not read what is written now.
func (db *DB) keepKeyCheck(ctx context.Context) error {
	const what = "record secret_key's check"
	err := db.write(ctx, what, func(g *gorm.DB) error {
		return g.Exec("INSERT INTO meta (name, value) VALUES (?, ?)", metaKeyCheck, db.keys.check).Error
	})
	if err != nil && !errors.Is(err, ErrDuplicate) {
		return err
	}
	var old []string
	for _, k := range db.keys.old() {
		old = append(old, k.check)
	}
	if len(old) > 0 {
		err := db.write(ctx, what, func(g *gorm.DB) error {
			return g.Exec("UPDATE meta SET value = ? WHERE name = ? AND value IN ?", db.keys.check, metaKeyCheck, old).Error
		})
		if err != nil {
			return err
		}
	}
	return db.checkKey(ctx)
}

// AdoptKey makes the current key the one that this database is used with. A program
// that does not know it is refused from then on.
func (db *DB) AdoptKey(ctx context.Context) error { return db.keepKeyCheck(ctx) }

// Reseal seals with the current key what an old one sealed, and says how many
// values that were. An old key can be forgotten after it, provided that no
// process had that one as its current key any more when it began. Several
// processes may do it at once.
func (db *DB) Reseal(ctx context.Context) (int, error) {
	if err := db.AdoptKey(ctx); err != nil {
		return 0, err
	}
	var heads [][]byte // how values of old keys begin
	for _, k := range db.keys.old() {
		heads = append(heads, append([]byte{sealFormat}, k.id[:]...))
	}
	if len(heads) == 0 {
		return 0, nil
	}
	total := 0
	for _, c := range sealedColumns {
		n, err := db.resealColumn(ctx, c, heads)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// sealedValue is a sealed value and the id of its row.
type sealedValue struct {
	RowID  string
	Sealed []byte
}

func (db *DB) resealColumn(ctx context.Context, c column, heads [][]byte) (changed int, err error) {
	table, name, _ := strings.Cut(string(c), ".")
	id := "id"
	if table == (sessionRow{}).TableName() {
		id = "store_id"
	}
	for last := ""; ; {
		var rows []sealedValue
		err := db.read(ctx, "find what an old key sealed", func(g *gorm.DB) error {
			g = g.Table(table).Select(id+" AS row_id", name+" AS sealed").Where("SUBSTR("+name+", 1, 5) IN ?", heads)
			if last != "" {
				g = g.Where(id+" > ?", last)
			}
			return g.Order(id).Limit(batch).Scan(&rows).Error
		})
		if err != nil || len(rows) == 0 {
			return changed, err
		}
		last = rows[len(rows)-1].RowID
		for _, v := range rows {
			plain, err := db.keys.open(c, v.RowID, v.Sealed)
			if err != nil { // one that cannot be read does not hold up the others
				db.cfg.Log.ErrorContext(ctx, "database: value cannot be sealed anew", "error", err)
				continue
			}
			// Each sealing differs, so that an equal value is the value that was read.
			same := id + " = ? AND " + name + " = ?"
			hit := false
			err = db.write(ctx, "seal anew", func(g *gorm.DB) error {
				result := g.Table(table).Where(same, v.RowID, v.Sealed).Update(name, db.keys.seal(c, v.RowID, plain))
				hit = result.RowsAffected > 0
				return result.Error
			})
			if err != nil {
				return changed, err
			}
			if hit {
				changed++
			}
		}
	}
}
