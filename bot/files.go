package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"yanquan/models"
)

// ErrFileOver: the link to a file was used, is too old, or never was one.
var ErrFileOver = errors.New("bot: no such file, or its link is used up")

// OfferedFile looks at a file that a link leads to, without using the link up.
func (b *Bot) OfferedFile(ctx context.Context, id, ticket string) (models.File, error) {
	t, err := b.DB.Ticket(ctx, FileTicket, ticket)
	return b.ticketed(ctx, id, t, err)
}

// TakeFile uses the link up: whoever comes first has the file.
func (b *Bot) TakeFile(ctx context.Context, id, ticket string) (models.File, error) {
	if _, err := b.OfferedFile(ctx, id, ticket); err != nil {
		return models.File{}, err
	}
	t, err := b.DB.UseTicket(ctx, FileTicket, ticket)
	return b.ticketed(ctx, id, t, err)
}

// OpenFile opens the content of a file.
func (b *Bot) OpenFile(ctx context.Context, id string) (models.File, io.ReadCloser, error) {
	f, err := b.DB.File(ctx, id)
	if err == nil {
		var content io.ReadCloser
		if content, err = b.DB.OpenFile(ctx, id); err == nil {
			return f, content, nil
		}
	}
	if errors.Is(err, models.ErrNotFound) {
		return models.File{}, nil, ErrFileOver
	}
	return models.File{}, nil, fmt.Errorf("bot: file: %w", err)
}

// ticketed is the file of a ticket, which is for the person the file is for.
func (b *Bot) ticketed(ctx context.Context, id string, t models.Ticket, err error) (models.File, error) {
	var f models.File
	if err == nil {
		f, err = b.DB.File(ctx, id)
	}
	switch {
	case errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrStale), err == nil && !strings.EqualFold(f.UserID, t.UserID):
		return models.File{}, ErrFileOver
	case err != nil:
		return models.File{}, fmt.Errorf("bot: file: %w", err)
	}
	return f, nil
}
