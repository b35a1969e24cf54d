package main

import (
	"bytes"
	endian "encoding/binary"
	"hash/crc32"
	"image"
	"image/draw"
	"image/png"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"

	"yanquan/bot/wecom/wecomtest"
)

// drawn is a photo of a QR code, or of a barcode where the text begins with "|".
func (w *world) drawn(text string) []byte {
	w.Helper()
	var c barcode.Barcode
	var err error
	height := 400
	if bars, ok := strings.CutPrefix(text, "|"); ok {
		c, err = code128.Encode(bars)
		height = 120
	} else {
		c, err = qr.Encode(text, qr.M, qr.Auto)
	}
	w.must(err)
	c, err = barcode.Scale(c, 400, height)
	w.must(err)
	page := image.NewGray(image.Rect(0, 0, 480, 480))
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(page, c.Bounds().Add(image.Pt(40, 40)), c, image.Point{}, draw.Src)
	var out bytes.Buffer
	w.must(png.Encode(&out, page))
	return out.Bytes()
}

// bomb is a PNG of a few bytes that says it has 2.5 gigapixels.
func bomb(picture []byte) []byte {
	const header = 8 + 4 // signature, length of the first chunk
	out := bytes.Clone(picture)
	endian.BigEndian.PutUint32(out[header+4:], 50_000)
	endian.BigEndian.PutUint32(out[header+8:], 50_000)
	chunk := out[header : header+4+13]
	endian.BigEndian.PutUint32(out[header+4+13:], crc32.ChecksumIEEE(chunk))
	return out
}

// snap sends a photo, and words beside it where a group would not deliver it alone.
func (w *world) snap(user, words string, picture []byte, spoil ...wecomtest.Spoil) answer {
	w.Helper()
	before := w.wecom.Version()
	var out wecomtest.Outcome
	var err error
	if w.group && w.room != private {
		p := wecomtest.Picture(picture)
		if len(spoil) > 0 {
			p.Spoil = spoil[0]
		}
		out, err = w.wecom.SayMixed(w.soon(), w.where(user), user, wecomtest.Words(words), p)
	} else {
		out, err = w.wecom.SendPicture(w.soon(), w.where(user), user, picture, spoil...)
	}
	w.must(err)
	if !out.Delivery().Accepted() {
		w.Fatalf("a photo was refused: %s", attempts(out.Delivery()))
	}
	return answer{user: user, since: before, delivery: out.Delivery()}
}

// photos: of a code as it is printed, of a customer's QR code, and of what is none.
func photos(w *world) {
	for _, mark := range []string{"|", ""} {
		code := w.sell()
		q := w.await(1, w.snap(w.hero, "查", w.drawn(mark+code)), "[确认核销]", title, "¥49.90", code)
		w.lacks(q, "核销成功")
		w.ledger(code, 0, 0)
		w.press(w.hero, w.card(q), "确认核销", "核销成功", code)
		w.ledger(code, 1, 0)
	}

	code := w.sell()
	of := w.snap(w.hero, "查", w.drawn(w.voucher(code).qr))
	if w.at(code).traits().scans {
		q := w.await(1, of, "[确认核销]", title)
		w.press(w.hero, w.card(q), "确认核销", "核销成功", title) // by its code, or by the link that is shown
		w.ledger(code, 1, 0)
	} else {
		w.await(1, of, "券码")
		w.ledger(code, 0, 0)
	}

	w.mu.Lock()
	w.refusable[40007]++ // the media id that is too old
	w.mu.Unlock()
	n := w.requests()
	w.await(1, w.snap(w.hero, "查", w.drawn("https://example.com/7992697494")), "网址")
	w.await(1, w.snap(w.hero, "查", []byte("\xff\xd8\xff not a picture")))
	w.await(1, w.snap(w.hero, "查", w.drawn("|7992697494"), wecomtest.Spoil{Expired: true}), "重新发")
	w.await(1, w.snap(w.hero, "查", w.drawn("|7992697494"), wecomtest.Spoil{Grow: 20 << 20}), "太大")
	w.await(1, w.snap(w.hero, "查", bomb(w.drawn("|7992697494"))), "太大")
	w.lacks(w.await(1, w.snap("zhoujiu", "查", w.drawn("|7992697494")), "您还不在名单里"), "7992697494", title)
	if w.requests() != n {
		w.Error("the platform was asked about what is no code")
	}
	if w.group {
		w.await(1, w.snap(w.hero, "查", w.drawn("|7992697494"), wecomtest.Spoil{WrongKey: true}), "打不开")
		code := w.sell()
		w.await(1, w.snap(w.hero, "验", w.drawn("|"+code)), "核销成功", code)
		w.ledger(code, 1, 0)
	}
}

// speech: what was spoken is always confirmed by a press.
func speech(w *world) {
	if w.group {
		w = w.in(private) // a group gets no voice messages
	}
	code := w.sell()
	spoken := strings.NewReplacer("0", "零", "1", "幺", "2", "二", "3", "三", "4", "四", "5", "五", "6", "六", "7", "七", "8", "八", "9", "九").Replace(code)
	before := w.wecom.Version()
	out, err := w.wecom.Speak(w.soon(), w.where("lisi"), "lisi", "验 "+spoken)
	w.must(err)
	a := answer{user: "lisi", since: before, delivery: out.Delivery()}
	if !w.group { // an app gets a recording, and no words
		w.await(1, a, "语音")
		w.ledger(code, 0, 0)
		return
	}
	q := w.await(1, a, "[确认核销]", code)
	w.ledger(code, 0, 0)
	w.press("lisi", w.card(q), "确认核销", "核销成功", code)
	w.ledger(code, 1, 0)
}
