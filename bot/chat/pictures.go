package chat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/bot/scan"
)

// pictures reads the codes on pictures.
type pictures struct {
	Pictures bot.Pictures // nil: pictures are not looked at
	Log      *slog.Logger
}

const (
	photoTime  = 12 * time.Second // to fetch and read all pictures of a message; one takes four at the most to fetch
	maxScanned = 6                // QR codes of one message that the platform is asked about
)

// readPictures reads all pictures of a message: what their codes say, whether each
// had one, and where none had, why, in a sentence for staff.
func (x *pictures) readPictures(ctx context.Context, id string, m bot.Message) (texts []string, all bool, trouble string) {
	ctx, cancel := context.WithTimeout(ctx, photoTime)
	defer cancel()
	var found []scan.Code
	all = true
	for _, p := range m.Pictures {
		codes, err := x.readPicture(ctx, m.Channel, p)
		if err != nil {
			x.Log.Info("picture not read", "message", id, "channel", m.Channel, "error", err)
			if all = false; trouble == "" {
				trouble = troubleOf(err)
			}
		}
		found = append(found, codes...)
	}
	// A barcode of goods is on the table by chance, unless there is nothing else.
	onlyGoods := !slices.ContainsFunc(found, func(c scan.Code) bool { return !c.Format.Goods() })
	for _, c := range found {
		if (onlyGoods || !c.Format.Goods()) && !slices.Contains(texts, c.Text) {
			texts = append(texts, c.Text)
		}
	}
	return texts, all, trouble
}

func (x *pictures) readPicture(ctx context.Context, channel string, p bot.Picture) ([]scan.Code, error) {
	data, err := x.Pictures.Fetch(ctx, channel, p)
	if err != nil && !errors.Is(err, bot.ErrPictureGone) && !errors.Is(err, bot.ErrPictureTooLarge) && !errors.Is(err, bot.ErrPictureUnreadable) && ctx.Err() == nil {
		data, err = x.Pictures.Fetch(ctx, channel, p)
	}
	if err != nil {
		return nil, err
	}
	return scan.Read(ctx, data)
}

// troubleOf says what is wrong with a picture, and what to do.
func troubleOf(err error) string {
	switch {
	case errors.Is(err, bot.ErrPictureGone):
		return "图片已经过期，请重新发一次。"
	case errors.Is(err, bot.ErrPictureTooLarge), errors.Is(err, scan.ErrTooLarge):
		return "图片太大了，我打不开。请靠近券码截图或重新拍一张，不要发原图。"
	case errors.Is(err, bot.ErrPictureUnreadable), errors.Is(err, scan.ErrNotPicture):
		return "这张图片我打不开。请重新拍一张发来，或直接发券码，例如：验 7992697494"
	case errors.Is(err, scan.ErrNothing):
		return "图片里没有找到二维码或条形码。请靠近一点、拍清楚再发一次，或直接发下面的数字券码。"
	case errors.Is(err, context.DeadlineExceeded):
		return "图片一时看不过来，请过一会儿再发，或直接发券码，例如：验 7992697494"
	}
	return "图片没有取到，请重新发一次，或直接发券码，例如：验 7992697494"
}
