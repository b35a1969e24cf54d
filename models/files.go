package models

import (
	"context"
	"io"
	"time"

	"gorm.io/gorm"
)

// File is something that one person is given: an export, a picture. Its content
// is in pieces beside it, as open as the journal that it was made from.
type File struct {
	ID        string `gorm:"primaryKey;size:64"`
	Name      string `gorm:"size:255"`
	Kind      string `gorm:"size:16"` // file | image
	UserID    string `gorm:"size:64"` // whom it is for; case-folded
	Size      int64
	Complete  bool
	CreatedAt time.Time `gorm:"serializer:utc;autoCreateTime:false"`
	ExpiresAt time.Time `gorm:"serializer:utc"`
}

// TableName names the table for GORM.
func (File) TableName() string { return "files" }

type filePiece struct {
	FileID string `gorm:"primaryKey;size:64"`
	Seq    int    `gorm:"primaryKey;autoIncrement:false"`
	Data   []byte
}

func (filePiece) TableName() string { return "file_pieces" }

const (
	// MaxFile bounds a file, in bytes.
	MaxFile = 256 << 20
	// pieceSize is far below the smallest usual max_allowed_packet, 4 MiB.
	pieceSize = 256 << 10
)

// FileWriter writes a file piece by piece. Nobody can read it before Close.
type FileWriter struct {
	*core
	ctx  context.Context
	file File
	seq  int
	buf  []byte
}

// FileStore keeps the files that people are given, until their time is over.
type FileStore struct{ *core }

// Create begins a file. It takes an ID where it has none.
func (s FileStore) Create(ctx context.Context, f File) (*FileWriter, error) {
	const what = "create file"
	if f.ID == "" {
		f.ID = s.cfg.NewID()
	}
	if f.CreatedAt.IsZero() {
		f.CreatedAt = s.now()
	}
	if err := identity(what, 64, f.ID); err != nil {
		return nil, err
	}
	if f.Name == "" || moment(f.ExpiresAt).IsZero() {
		return nil, failed(what, ErrInvalid)
	}
	f.UserID, f.Size, f.Complete = fold(f.UserID), 0, false
	f = tidy(f)
	err := s.write(ctx, what, func(g *gorm.DB) error { return g.Create(&f).Error })
	return unless(err, &FileWriter{core: s.core, ctx: ctx, file: f, buf: make([]byte, 0, pieceSize)})
}

// Write implements [io.Writer]. A file that grows beyond [MaxFile] is
// [ErrTooLarge].
func (w *FileWriter) Write(p []byte) (int, error) {
	if w.file.Size+int64(len(p)) > MaxFile {
		return 0, failed("write file", ErrTooLarge)
	}
	written := 0
	for len(p) > 0 {
		n := min(len(p), pieceSize-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p, written, w.file.Size = p[n:], written+n, w.file.Size+int64(n)
		if len(w.buf) == pieceSize {
			if err := w.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

func (w *FileWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	piece := filePiece{FileID: w.file.ID, Seq: w.seq, Data: w.buf}
	err := w.write(w.ctx, "write file", func(g *gorm.DB) error { return g.Create(&piece).Error })
	w.seq, w.buf = w.seq+1, w.buf[:0]
	return err
}

// Close makes the file complete and returns it.
func (w *FileWriter) Close() (File, error) {
	if err := w.flush(); err != nil {
		return File{}, err
	}
	w.file.Complete = true
	err := w.swap(w.ctx, "complete file", func(g *gorm.DB) *gorm.DB {
		return g.Model(&File{}).Where("id = ? AND complete = ?", w.file.ID, false).
			Updates(map[string]any{"complete": true, "size": w.file.Size})
	})
	return unless(err, w.file)
}

// Get finds a complete file that is not over, or [ErrNotFound].
func (s FileStore) Get(ctx context.Context, id string) (File, error) {
	const what = "find file"
	var rows []File
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Where("id = ? AND complete = ? AND expires_at > ?", id, true, stamp(s.now())).Find(&rows).Error
	})
	return first(rows, err, what)
}

// Open opens a file for reading, piece by piece. It can be read as long as the
// context lives.
func (s FileStore) Open(ctx context.Context, id string) (io.ReadCloser, error) {
	f, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return &fileReader{core: s.core, ctx: ctx, file: f}, nil
}

type fileReader struct {
	*core
	ctx  context.Context
	file File
	seq  int
	rest []byte
	done int64
}

func (r *fileReader) Read(p []byte) (int, error) {
	const what = "read file"
	if len(r.rest) == 0 {
		if r.done == r.file.Size {
			return 0, io.EOF
		}
		var rows []filePiece
		err := r.read(r.ctx, what, func(g *gorm.DB) error {
			return g.Where("file_id = ? AND seq = ?", r.file.ID, r.seq).Find(&rows).Error
		})
		piece, err := first(rows, err, what)
		if err != nil {
			return 0, err
		}
		r.rest, r.seq = piece.Data, r.seq+1
	}
	n := copy(p, r.rest)
	r.rest, r.done = r.rest[n:], r.done+int64(n)
	return n, nil
}

func (r *fileReader) Close() error { return nil }

// Purge forgets up to limit files that were over before a time, with their
// content, and says how many.
func (s FileStore) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	const what = "purge files"
	var ids []string
	err := s.read(ctx, what, func(g *gorm.DB) error {
		return g.Model(&File{}).Where("expires_at < ?", stamp(before)).Order("expires_at").Limit(limit).Pluck("id", &ids).Error
	})
	for n, id := range ids {
		// The pieces first, a few at a time: the row is what they are found by.
		for more := err == nil; more && err == nil; {
			var seqs []int
			err = s.read(ctx, what, func(g *gorm.DB) error {
				return g.Model(&filePiece{}).Where("file_id = ?", id).Limit(batch).Pluck("seq", &seqs).Error
			})
			if more = len(seqs) > 0; more && err == nil {
				err = s.write(ctx, what, func(g *gorm.DB) error {
					return g.Where("file_id = ? AND seq IN ?", id, seqs).Delete(&filePiece{}).Error
				})
			}
		}
		if err == nil {
			err = s.write(ctx, what, func(g *gorm.DB) error { return g.Where("id = ?", id).Delete(&File{}).Error })
		}
		if err != nil {
			return n, err
		}
	}
	return len(ids), err
}
