package chat

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/bot/redeem"
	"yanquan/bot/scan"
	"yanquan/bot/words"
	"yanquan/models"
)

// scans makes commands of what codes on pictures say.
type scans struct {
	DB       *models.DB
	core     *redeem.Core
	guards   *guards
	words    *words.Words
	Pictures bot.Pictures // nil: pictures are not looked at
	queue    *queue       // for them
	NewID    func() string
	Log      *slog.Logger
}

const (
	photoTime  = 12 * time.Second // to fetch and read all pictures of a message; one takes four at the most to fetch
	maxScanned = 6                // QR codes of one message that the platform is asked about

	fetching      = 2 * scan.MaxBytes // of memory for a picture that is fetched, and decrypted
	pictureMemory = 6 * fetching      // for all pictures together, before they are decoded
)

// readPictures reads all pictures of a message: what their codes say, whether each
// had one that is certain, and where one had none, why.
func (x *scans) readPictures(ctx context.Context, id string, m bot.Message) (texts []string, all bool, trouble error) {
	ctx, cancel := context.WithTimeout(ctx, photoTime)
	defer cancel()
	var found []scan.Code
	all = true
	for _, p := range m.Pictures {
		codes, err := x.readPicture(ctx, m, p)
		if err != nil {
			x.Log.Info("picture not read", "message", id, "channel", m.Channel, "error", err)
			all, trouble = false, cmp.Or(trouble, err)
		}
		found = append(found, codes...)
	}
	// A barcode of goods is on the table by chance, unless there is nothing else.
	onlyGoods := !slices.ContainsFunc(found, func(c scan.Code) bool { return !c.Format.Goods() })
	for _, c := range found {
		if onlyGoods || !c.Format.Goods() {
			all = all && !c.Unsure
			if !slices.Contains(texts, c.Text) {
				texts = append(texts, c.Text)
			}
		}
	}
	return texts, all, trouble
}

// readPicture fetches a picture and reads it, when it is its sender's turn.
func (x *scans) readPicture(ctx context.Context, m bot.Message, p bot.Picture) ([]scan.Code, error) {
	seat, err := x.queue.enter(ctx, m.User, fetching)
	if err != nil {
		return nil, err
	}
	defer seat.leave()
	data, err := x.Pictures.Fetch(ctx, m.Channel, p)
	if err != nil && !errors.Is(err, bot.ErrPictureGone) && !errors.Is(err, bot.ErrPictureTooLarge) && !errors.Is(err, bot.ErrPictureUnreadable) && ctx.Err() == nil {
		data, err = x.Pictures.Fetch(ctx, m.Channel, p)
	}
	if err != nil {
		return nil, err
	}
	seat.holds(cap(data))
	return scan.Read(ctx, data)
}
