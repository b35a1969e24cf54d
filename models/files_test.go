package models_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func aFile(id string) models.File {
	return models.File{ID: id, Name: "验券_2026年11月.xlsx", Kind: "file", UserID: "SunBa", ExpiresAt: noon.Add(24 * time.Hour)}
}

func write(t *testing.T, db *models.DB, f models.File, data []byte) models.File {
	t.Helper()
	w, err := db.Files.Create(t.Context(), f)
	no(t, err)
	no(t, second(io.Copy(w, bytes.NewReader(data))))
	f, err = w.Close()
	no(t, err)
	return f
}

func TestFiles(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for name, size := range map[string]int{"empty": 0, "small": 10, "one piece": 256 << 10, "more": 600<<10 + 7} {
			data := bytes.Repeat([]byte("验券\x00\xff"), size/8+1)[:size]
			f := write(t, db, aFile(name), data)
			same(t, must(db.Files.Get(ctx, name)), f)
			same(t, f.Size, int64(size))
			same(t, f.UserID, "sunba")
			in, err := db.Files.Open(ctx, name)
			no(t, err)
			got, err := io.ReadAll(in)
			no(t, err)
			no(t, in.Close())
			if !bytes.Equal(got, data) {
				t.Errorf("%s: read %d bytes, not the %d that were written", name, len(got), size)
			}
		}
		w, err := db.Files.Create(ctx, aFile("half"))
		no(t, err)
		no(t, second(w.Write(make([]byte, 300<<10))))
		want(t, second(db.Files.Get(ctx, "half")), models.ErrNotFound)
		want(t, second(db.Files.Open(ctx, "half")), models.ErrNotFound)
		want(t, second(db.Files.Create(ctx, aFile("half"))), models.ErrDuplicate)
		want(t, second(db.Files.Create(ctx, models.File{Name: "x"})), models.ErrInvalid)

		clock.Advance(24 * time.Hour)
		want(t, second(db.Files.Get(ctx, "small")), models.ErrNotFound)
		same(t, must(db.Files.Purge(ctx, clock.Now(), 10)), 0)
		same(t, must(db.Files.Purge(ctx, clock.Now().Add(time.Second), 3)), 3)
		same(t, must(db.Files.Purge(ctx, clock.Now().Add(time.Second), 10)), 2)
		var left int
		no(t, db.Pool().QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM files) + (SELECT COUNT(*) FROM file_pieces)").Scan(&left))
		same(t, left, 0)
	})
}

func TestFileTooLarge(t *testing.T) {
	t.Parallel()
	db := modelstest.SQLite(t)
	f := aFile("large")
	f.ExpiresAt = time.Now().Add(time.Hour)
	w, err := db.Files.Create(t.Context(), f)
	no(t, err)
	if _, err := w.Write(make([]byte, models.MaxFile+1)); !errors.Is(err, models.ErrTooLarge) {
		t.Errorf("error is %v", err)
	}
}

func TestExports(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		e, err := db.Exports.Begin(ctx, models.Export{InboxID: "in-1", UserID: "SunBa"})
		no(t, err)
		same(t, must(db.Exports.Due(ctx, clock.Now(), 10)), []models.Export{e})
		for name, other := range map[string]models.Export{"same person": {InboxID: "in-2", UserID: "sunba"}, "same message": {InboxID: "in-1", UserID: "boss"}} {
			if _, err := db.Exports.Begin(ctx, other); !errors.Is(err, models.ErrDuplicate) {
				t.Errorf("%s: %v", name, err)
			}
		}
		no(t, second(db.Exports.Begin(ctx, models.Export{InboxID: "in-3", UserID: "boss"})))
		want(t, second(db.Exports.Begin(ctx, models.Export{UserID: "x"})), models.ErrInvalid)
		same(t, len(must(db.Exports.Due(ctx, clock.Now(), 10))), 2)

		var claimed models.Export
		oneWins(t, race(4, func(int) error {
			c, err := db.Exports.Claim(ctx, e, noon.Add(time.Minute))
			if err == nil {
				claimed = c
			}
			return err
		}), models.ErrStale)
		same(t, len(must(db.Exports.Due(ctx, clock.Now(), 10))), 1)
		no(t, db.Exports.Extend(ctx, claimed, noon.Add(2*time.Minute)))
		no(t, db.Exports.Extend(ctx, claimed, noon.Add(2*time.Minute)))
		clock.Advance(time.Minute)
		same(t, len(must(db.Exports.Due(ctx, clock.Now(), 10))), 1)

		clock.Advance(time.Minute) // its worker has died
		next, err := db.Exports.Claim(ctx, claimed, noon.Add(3*time.Minute))
		no(t, err)
		want(t, db.Exports.Extend(ctx, claimed, noon.Add(time.Hour)), models.ErrStale)
		want(t, db.Exports.Finish(ctx, claimed, "f"), models.ErrStale)
		want(t, db.Exports.Fail(ctx, claimed, "x"), models.ErrStale)
		no(t, db.Exports.Finish(ctx, next, "file-1"))
		want(t, db.Exports.Finish(ctx, next, "file-2"), models.ErrStale)
		same(t, column(t, db, "SELECT state FROM exports WHERE inbox_id = 'in-1'"), "sent")
		same(t, column(t, db, "SELECT file_id FROM exports WHERE inbox_id = 'in-1'"), "file-1")

		again, err := db.Exports.Begin(ctx, models.Export{InboxID: "in-4", UserID: "sunba"}) // the last one is finished
		no(t, err)
		again, err = db.Exports.Claim(ctx, again, clock.Now().Add(time.Minute))
		no(t, err)
		no(t, db.Exports.Fail(ctx, again, "too_large"))
		same(t, column(t, db, "SELECT reason FROM exports WHERE inbox_id = 'in-4'"), "too_large")
		same(t, must(db.Exports.Purge(ctx, clock.Now().Add(time.Second), 10)), 2) // in-3 is still to be made
	})
}

// column reads one value that only people look at.
func column(t *testing.T, db *models.DB, query string) (value string) {
	t.Helper()
	no(t, db.Pool().QueryRowContext(t.Context(), query).Scan(&value))
	return value
}
