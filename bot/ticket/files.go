package ticket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"yanquan/models"
)

// FileLife is that of a file and of the link to it.
const FileLife = 24 * time.Hour

// FileTicket is the kind of the tickets that links to files carry.
const FileTicket = "file"

// LinkFile makes a link that opens a file for one person.
func (k *Tickets) LinkFile(ctx context.Context, tx *models.DB, f models.File) (string, error) {
	if k.FileLink == nil {
		return "", nil
	}
	secret := k.NewID()
	if err := tx.Tickets.Save(ctx, secret, models.Ticket{Kind: FileTicket, UserID: f.UserID, CreatedAt: k.Now(), ExpiresAt: f.ExpiresAt}); err != nil {
		return "", fmt.Errorf("bot: ticket: %w", err)
	}
	return k.FileLink(f.ID, secret), nil
}

// ErrFileOver: the link to a file was used, is too old, or never was one.
var ErrFileOver = errors.New("bot: no such file, or its link is used up")

// OfferedFile looks at a file that a link leads to, without using the link up.
func (k *Tickets) OfferedFile(ctx context.Context, id, ticket string) (models.File, error) {
	t, err := k.DB.Tickets.Get(ctx, FileTicket, ticket)
	return k.ticketed(ctx, id, t, err)
}

// TakeFile uses the link up: the first request has the file.
func (k *Tickets) TakeFile(ctx context.Context, id, ticket string) (models.File, error) {
	if _, err := k.OfferedFile(ctx, id, ticket); err != nil {
		return models.File{}, err
	}
	t, err := k.DB.Tickets.Use(ctx, FileTicket, ticket)
	return k.ticketed(ctx, id, t, err)
}

// OpenFile opens the content of a file.
func (k *Tickets) OpenFile(ctx context.Context, id string) (models.File, io.ReadCloser, error) {
	f, err := k.DB.Files.Get(ctx, id)
	if err == nil {
		var content io.ReadCloser
		if content, err = k.DB.Files.Open(ctx, id); err == nil {
			return f, content, nil
		}
	}
	if errors.Is(err, models.ErrNotFound) {
		return models.File{}, nil, ErrFileOver
	}
	return models.File{}, nil, fmt.Errorf("bot: file: %w", err)
}

// ticketed is the file of a ticket, which is for the person the file is for.
func (k *Tickets) ticketed(ctx context.Context, id string, t models.Ticket, err error) (models.File, error) {
	var f models.File
	if err == nil {
		f, err = k.DB.Files.Get(ctx, id)
	}
	switch {
	case errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrStale), err == nil && !strings.EqualFold(f.UserID, t.UserID):
		return models.File{}, ErrFileOver
	case err != nil:
		return models.File{}, fmt.Errorf("bot: file: %w", err)
	}
	return f, nil
}
