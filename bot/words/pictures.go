package words

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/platform"
	"yanquan/bot/scan"
	"yanquan/dianping"
	"yanquan/models"
)

// NoPicture says what is wrong with a picture, and what to do.
func NoPicture(err error) bot.Reply { return bot.Reply{Text: noPicture(err)} }

func noPicture(err error) string {
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

const askAgain = "请让顾客打开订单里的券码再拍一次，或直接发数字券码，例如：验 7992697494"

// What a scan is answered with that leads to no voucher.
var (
	NoPictures  = bot.Reply{Text: "我现在看不了图片，请直接发券码，例如：验 7992697494"}
	NoUndoByQR  = bot.Reply{Text: "二维码里没有写券码，所以没有撤销。请发数字券码，例如：撤 7992697494；或者发「撤」，看最近的一次。"}
	NoQRCodes   = bot.Reply{Text: "这家门店的平台认不出二维码，没有核销。请发二维码下面的数字券码，例如：验 7992697494"}
	QRNotKnown  = bot.Reply{Text: "平台不认识这个二维码，没有核销。" + askAgain}
	WebAddress  = bot.Reply{Text: "这个二维码是一个网址，不是美团或大众点评的券码；我没有打开它，也没有核销。" + askAgain}
	NoVoucherQR = bot.Reply{Text: "这不是美团或大众点评的券码，没有核销。" + askAgain}
)

// TooManyQR says that pictures show more QR codes than are asked about at once.
func TooManyQR(most, found int) bot.Reply {
	return bot.Say("一次最多认 %d 个二维码，这里有 %d 个，一个都没有处理。请分几次拍。", most, found)
}

// NotOurs says of what a code says that it is no voucher's.
func NotOurs(text string) bot.Reply {
	if command.Address(text) {
		return WebAddress
	}
	return NoVoucherQR
}

// Choose lets a person choose which of several vouchers is meant.
func (w *Words) Choose(s models.Store, vouchers []platform.Voucher) bot.Reply {
	c := bot.Card{
		TaskID: w.NewID(), Source: Source(s), Title: fmt.Sprintf("有 %d 种券，请选一种", len(vouchers)),
		Text: "还没有核销，选好以后再确认。",
	}
	var lines []string
	for i, v := range vouchers[:min(len(vouchers), command.MaxCodes)] {
		var worth []string
		if v.PriceKnown {
			worth = append(worth, dianping.Fen(v.PriceFen).String())
		}
		if v.Left > 0 {
			worth = append(worth, fmt.Sprintf("可用 %d 张", v.Left))
		}
		said := strings.Join(worth, " ")
		if len(c.Keys) < bot.MaxKeys {
			c.Fields = append(c.Fields, bot.Field{Key: fmt.Sprintf("第%d种", i+1), Value: Named(v.Title, said)})
			look := command.Button{Action: command.ActStore, Store: s.ID, Command: command.Caption{Verb: command.VerbQuery}.About([]string{v.Code})}
			c.Keys = append(c.Keys, bot.CardKey{Text: fmt.Sprintf("%d %s", i+1, v.Title), Key: look.Key(), Style: bot.Primary})
		}
		lines = append(lines, fmt.Sprintf("%d. %s %s **%s**", i+1, bot.Escaped(Short(v.Title, dealInList)), said, CodeText(v.Code)))
	}
	reply := bot.Reply{Card: &c}
	if len(vouchers) > bot.MaxKeys {
		reply.Text = strings.Join(lines, "\n") + "\n也可以发：查 加券码"
	}
	return reply
}
