package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/bot/redeem"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/ean"
	"github.com/boombuler/barcode/qr"
)

// album has the pictures that people send, by media id or URL.
type album struct {
	mu      sync.Mutex
	content map[string][]byte
	fails   map[string][]error // of the next tries
	fetched int
}

func newAlbum() *album { return &album{content: map[string][]byte{}, fails: map[string][]error{}} }

func (a *album) Fetch(ctx context.Context, channel string, p bot.Picture) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fetched++
	id := p.MediaID + p.URL
	if fails := a.fails[id]; len(fails) > 0 {
		a.fails[id] = fails[1:]
		if fails[0] != nil {
			return nil, fails[0]
		}
	}
	data, ok := a.content[id]
	if !ok {
		return nil, fmt.Errorf("%w: %s", bot.ErrPictureGone, channel)
	}
	return data, ctx.Err()
}

func (a *album) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fetched
}

// drawn is a picture with codes beside each other: QR codes, or barcodes where a
// text begins with "|", or one on goods where it begins with "#".
func (b *bench) drawn(texts ...string) []byte {
	b.t.Helper()
	page := image.NewGray(image.Rect(0, 0, 40+460*max(len(texts), 1), 500))
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	for i, text := range texts {
		var c barcode.Barcode
		var err error
		w, h := 400, 400
		switch {
		case text[0] == '|':
			c, err = code128.Encode(text[1:])
			h = 120
		case text[0] == '#':
			c, err = ean.Encode(text[1:])
			h = 120
		default:
			c, err = qr.Encode(text, qr.M, qr.Auto)
		}
		b.must(err)
		c, err = barcode.Scale(c, w, h)
		b.must(err)
		draw.Draw(page, c.Bounds().Add(image.Pt(40+460*i, 50)), c, image.Point{}, draw.Src)
	}
	var out bytes.Buffer
	b.must(png.Encode(&out, page))
	return out.Bytes()
}

// layered is a barcode in whose place some rows show another.
func (b *bench) layered(text, other string) []byte {
	b.t.Helper()
	page := image.NewGray(image.Rect(0, 0, 500, 500))
	draw.Draw(page, page.Bounds(), image.White, image.Point{}, draw.Src)
	for _, bars := range []struct {
		text      string
		y, height int
	}{{text, 50, 240}, {other, 130, 80}} {
		c, err := code128.Encode(bars.text)
		b.must(err)
		scaled, err := barcode.Scale(c, 400, bars.height)
		b.must(err)
		draw.Draw(page, scaled.Bounds().Add(image.Pt(40, bars.y)), scaled, image.Point{}, draw.Src)
	}
	var out bytes.Buffer
	b.must(png.Encode(&out, page))
	return out.Bytes()
}

// A barcode that is read as two numbers is neither for certain: both are shown, and
// nothing is consumed or undone.
func TestContradictingReadingsAreShown(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		const other = "8992697494"
		b.voucher(Code)
		b.voucher(other)
		for _, words := range []string{"验", "验 x2", "撤"} {
			m := b.sent(robot, group, "zhangsan", words, b.layered(Code, other))
			has(t, b.give(m), "**"+Code+"** 可以核销", "**"+other+"** 可以核销")
			has(t, b.give(m), "**"+Code+"** 可以核销") // a repeat
		}
		b.effects(Code, 0, 0)
		b.effects(other, 0, 0)
	})
}

// sent makes a message with a picture for each argument, and words beside them.
func (b *bench) sent(channel, chat, user, words string, pictures ...[]byte) bot.Message {
	b.t.Helper()
	m := b.at(channel, chat, user)
	if m.Kind = bot.Photo; words != "" {
		m.Kind, m.Text = bot.Text, words
	}
	for i, data := range pictures {
		id := fmt.Sprintf("%s-%d", m.ID, i)
		b.album.mu.Lock()
		b.album.content[id] = data
		b.album.mu.Unlock()
		if m.Passive() {
			m.Pictures = append(m.Pictures, bot.Picture{URL: id, Key: "k"})
		} else {
			m.Pictures = append(m.Pictures, bot.Picture{MediaID: id})
		}
	}
	return m
}

// show sends one picture into the first store's group.
func (b *bench) photo(user, words string, codes ...string) bot.Reply {
	b.t.Helper()
	return b.give(b.sent(robot, group, user, words, b.drawn(codes...)))
}

func (b *bench) qrOf(code string) string {
	b.t.Helper()
	v, ok := b.platform.Voucher(code)
	if !ok {
		b.t.Fatalf("no voucher %s", code)
	}
	return v.QR
}

func TestPhotoLooksFirst(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for _, r := range []bot.Reply{b.photo("zhangsan", "", "|"+Code), b.photo("zhangsan", "查", Code), b.photo("zhangsan", "这张行吗", "券码："+Code)} {
			has(t, r, "可以核销", "双人下午茶", "¥49.90", "[确认核销]")
		}
		b.effects(Code, 0, 0)
		m := b.sent(app, "", "zhangsan", "", b.drawn("|"+Code))
		r := b.give(m)
		has(t, r, "[确认核销]")
		has(t, b.give(m), "[确认核销]") // a repeat is neither fetched nor asked about again
		if n := b.album.count(); n != 4 {
			t.Errorf("%d fetched, want 4", n)
		}
		has(t, b.press("zhangsan", r.Card, b.key(r, "确认核销")), "核销成功", "张三")
		b.effects(Code, 1, 0)
	})
}

func TestPhotoWithWords(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.order("7000000001", 3)
		b.voucher("7000000009")
		has(t, b.photo("zhangsan", "@小店助手 验", "|"+Code), "核销成功", Code)
		b.effects(Code, 1, 0)
		has(t, b.photo("zhangsan", "撤销", "|"+Code), "已撤销")
		b.effects(Code, 1, 1)
		has(t, b.photo("zhangsan", "验 x2", "7000000001"), "核销成功", "共 2 张")
		// A code that was typed is what is meant; the picture is not needed.
		before := b.album.count()
		has(t, b.photo("zhangsan", "查 7000000009", "|1111111111"), "可以核销", "7000000009")
		has(t, b.photo("zhangsan", "记录", "|1111111111"), "最近")
		if n := b.album.count(); n != before {
			t.Errorf("%d pictures fetched for nothing", n-before)
		}
		// Words that are not understood consume nothing.
		has(t, b.photo("zhangsan", "验一下呗", "7000000009"), "[确认核销]")
		b.effects("7000000009", 0, 0)
	})
}

func TestPhotoWithSeveral(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for _, c := range []string{"7000000001", "7100000001", "7200000001"} {
			b.voucher(c)
		}
		r := b.photo("zhangsan", "", "7000000001", "|7100000001")
		has(t, r, "7000000001", "7100000001", "要核销请发")
		// Two pictures, three codes, one of them twice.
		m := b.sent(robot, group, "zhangsan", "验", b.drawn("7000000001", "|7100000001"), b.drawn("7100000001", "|7200000001"))
		has(t, b.give(m), "3 个券码，成功 3 个")
		for _, c := range []string{"7000000001", "7100000001", "7200000001"} {
			b.effects(c, 1, 0)
		}
		has(t, b.photo("zhangsan", "撤", "7000000001", "|7100000001"), "一次只能撤销一个券码")
		b.effects("7000000001", 1, 0)
	})
}

// Where one of several pictures cannot be read, nothing is consumed unseen; goods
// that are in the picture are no vouchers.
func TestPhotoPartly(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		m := b.sent(robot, group, "zhangsan", "验", b.drawn("|"+Code), []byte("no picture"))
		has(t, b.give(m), "可以核销", "[确认核销]")
		b.effects(Code, 0, 0)
		has(t, b.photo("zhangsan", "验", "|"+Code, "#6901234567892"), "核销成功", Code)
		has(t, b.photo("zhangsan", "查", "#6901234567892"), "券码不存在")
	})
}

// The QR code of an order: what it stands for, only the platform knows.
func TestPhotoOfQR(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.order(Code, 3)
		text := b.qrOf(Code)
		r := b.photo("zhangsan", "", text)
		if b.dialect == dianping.Meituan {
			has(t, r, "认不出二维码", "数字券码")
			has(t, b.photo("zhangsan", "验", text), "认不出二维码", "没有核销")
			b.effects(Code, 0, 0)
			if n := b.calls("scanprepare") + b.calls("prepare"); n != 0 {
				t.Errorf("the platform was asked %d times", n)
			}
			return
		}
		has(t, r, "可以核销", Code, "[确认核销]", "[核销 3 张]")
		b.effects(Code, 0, 0)
		has(t, b.press("zhangsan", r.Card, b.key(r, "核销 3 张")), "核销成功", "共 3 张")
		has(t, b.photo("zhangsan", "", text), "此券已被使用")
		has(t, b.photo("zhangsan", "撤", text), "没有撤销")

		b.voucher("7100000001")
		has(t, b.photo("zhangsan", "验", b.qrOf("7100000001")), "核销成功", "7100000001")
		b.effects("7100000001", 1, 0)

		b.voucher("7200000001")
		b.voucher("7300000001")
		has(t, b.photo("zhangsan", "验", b.qrOf("7200000001"), b.qrOf("7300000001")), "2 个券码，成功 2 个")
		b.effects("7300000001", 1, 0)

		// One of two is good: look first.
		b.voucher("7400000001")
		has(t, b.photo("zhangsan", "验", b.qrOf("7400000001"), b.qrOf("7300000001")), "可以核销", "7400000001")
		b.effects("7400000001", 0, 0)
		has(t, b.photo("zhangsan", "验", "bm9ib2R5@4"), "平台不认识这个二维码", "没有核销")
	})
}

func TestPhotoOfQRWithChoice(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		for i, title := range []string{"双人下午茶", "四人火锅", "洗剪吹"} {
			for _, code := range []string{"700000000", "710000000"}[:1+i%2] {
				_, err := b.platform.AddVoucher(dianpingtest.Voucher{
					Code: fmt.Sprintf("%s%d", code, i), OrderID: strings.Repeat("7", 24), DealID: int64(100 + i), Title: title, Price: 1990, QR: "b3JkZXI=@77", Shops: []string{"shop-a"},
				})
				b.must(err)
			}
		}
		r := b.photo("zhangsan", "验", "b3JkZXI=@77")
		has(t, r, "有 3 种券", "四人火锅 ¥19.90", "还没有核销", "[2 四人火锅]")
		b.effects("7000000001", 0, 0)
		look := b.press("zhangsan", r.Card, b.key(r, "2 四人火锅"))
		has(t, look, "可以核销", "四人火锅", "7000000001")
		b.effects("7000000001", 0, 0)
		has(t, b.press("zhangsan", look.Card, b.key(look, "确认核销")), "核销成功")
		b.effects("7000000001", 1, 0)
		has(t, b.press("qianqi", r.Card, b.key(r, "3 洗剪吹")), "不在名单里") // of the other store
	})
}

// Somebody of two stores says in which one first; the scan is not needed again.
func TestScanInOneOfTwoStores(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		scan := func(words, text string) bot.Reply {
			m := b.at(app, "", "zhaoliu")
			m.Kind, m.Scanned = bot.Scan, []string{text}
			if words != "" {
				m = b.sent(app, "", "zhaoliu", words, b.drawn(text))
			}
			return b.give(m)
		}
		press := func(user string, r bot.Reply, key string) bot.Reply {
			m := b.at(app, "", user)
			m.Kind, m.Button = bot.Click, &bot.Button{TaskID: r.Card.TaskID, Key: key}
			return b.give(m)
		}
		r := scan("", b.qrOf(Code))
		has(t, r, "请选择门店", "扫到的二维码", "[人民广场店]")
		key := b.key(r, "人民广场店")
		has(t, press("zhangsan", r, key), "太旧") // somebody else's scan
		fetched := b.album.count()
		has(t, press("zhaoliu", r, key), "可以核销", "人民广场店")
		if b.album.count() != fetched {
			t.Error("fetched again")
		}
		b.effects(Code, 0, 0)
		b.clock.Advance(24 * time.Hour) // the choice was for that day
		r = scan("验", b.qrOf(Code))
		has(t, r, "请选择门店")
		has(t, press("zhaoliu", r, b.key(r, "人民广场店")), "核销成功")
		b.effects(Code, 1, 0)
		has(t, press("zhaoliu", r, command.Button{Action: command.ActStore, Store: 1, Scan: "nothing"}.Key()), "太旧")
		b.clock.Advance(24 * time.Hour)
		has(t, scan("", Code), "请选择门店", "查 "+Code)
	})
}

func TestScan(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		for text, want := range map[string]string{
			Code: "[确认核销]", "7992-697-494": "[确认核销]", "https://example.com/" + Code: "网址", "tel:13800000000": "不是美团", "WIFI:T:WPA;P:12345678;;": "不是美团",
		} {
			m := b.at(app, "", "zhangsan")
			m.Kind, m.Scanned = bot.Scan, []string{text}
			has(t, b.give(m), want)
		}
		b.effects(Code, 0, 0)
	})
}

func TestPhotoNotRead(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		bomb := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x02\x00\x00\x00"), 0x2c, 0xec, 0x95, 0x48)
		bomb = append(bomb, 0) // a checksum that may be wrong: refused either way
		for name, c := range map[string]struct {
			data []byte
			want string
		}{
			"blank":       {b.drawn(), "没有找到二维码"},
			"no picture":  {[]byte("%PDF-1.7"), "打不开"},
			"cut off":     {b.drawn(Code)[:300], "打不开"},
			"20 MB":       {make([]byte, 20<<20), "太大"},
			"bomb":        {bomb, "打不开"},
			"web address": {b.drawn("https://m.dianping.com/x?code=" + Code), "网址"},
			"bare domain": {b.drawn("dpurl.cn/abc" + Code), "网址"},
			"other shop":  {b.drawn("alipays://platformapi/startapp?id=" + Code), "不是美团或大众点评的券码"},
			"words":       {b.drawn("欢迎光临"), "不是美团或大众点评的券码"},
			"two numbers": {b.drawn(Code + "，2025112800"), "不是美团或大众点评的券码"},
		} {
			for _, words := range []string{"", "验"} {
				r := b.give(b.sent(robot, group, "zhangsan", words, c.data))
				if !strings.Contains(show(r), c.want) {
					t.Errorf("%s: %s", name, show(r))
				}
			}
		}
		b.effects(Code, 0, 0)
		if n := b.calls("prepare") + b.calls("scanprepare"); n != 0 {
			t.Errorf("the platform was asked %d times", n)
		}
	})
}

func TestPhotoNotFetched(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		try := func(fails ...error) bot.Reply {
			m := b.sent(robot, group, "zhangsan", "验", b.drawn("|"+Code))
			b.album.fails[m.Pictures[0].URL] = fails
			return b.give(m)
		}
		lost := errors.New("connection reset")
		has(t, try(bot.ErrPictureGone), "已经过期", "重新发一次")
		has(t, try(fmt.Errorf("%w: 20 MB", bot.ErrPictureTooLarge)), "太大")
		has(t, try(bot.ErrPictureUnreadable), "打不开")
		has(t, try(lost, lost), "没有取到")
		has(t, try(lost, context.DeadlineExceeded), "看不过来")
		b.effects(Code, 0, 0)
		has(t, try(lost), "核销成功") // the second try brought it
		b.configure(func(o *Options) { o.Pictures = nil })
		has(t, try(), "看不了图片")
	})
}

// The picture of somebody who may do nothing here is not even fetched, nor is that
// of somebody who has to wait.
func TestPhotoOfStranger(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		has(t, b.photo("stranger", "验", Code), "不在名单里")
		has(t, b.photo("qianqi", "", Code), "不在名单里")
		m := b.at(app, "", "stranger")
		m.Kind, m.Text = bot.Voice, "验七九九二六九七四九四"
		has(t, b.give(m), "不在名单里")
		m = b.at(app, "", "stranger")
		m.Kind, m.Text = bot.Voice, "今天天气"
		hasNot(t, b.give(m), "天气")
		if b.album.count() != 0 {
			t.Error("fetched")
		}
		b.configure(func(o *Options) { o.Guard = Guard{Codes: 3, Within: 10 * time.Minute} })
		wrong := []string{"10000001", "10000002", "10000003"}
		if b.dialect == dianping.Dianping { // strange QR codes count like typed codes
			wrong = []string{"c3RyYW5nZTE=@1", "|10000002", "c3RyYW5nZTI=@1"}
		}
		for _, w := range wrong {
			hasNot(t, b.photo("zhangsan", "", w), "请核对后过")
		}
		fetched := b.album.count()
		has(t, b.photo("zhangsan", "", Code), "请核对后过")
		if b.album.count() != fetched {
			t.Error("fetched")
		}
	})
}

// A process dies while it works on pictures. What they said is not lost with it,
// though they can no longer be fetched: whether the background work takes the
// message up, or WeCom brings it again.
func TestPhotoAfterCrash(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		for first, again := range map[string]func(bot.Message){
			"7": func(bot.Message) { b.settle() },
			"8": func(m bot.Message) { b.start(m) },
		} {
			codes := []string{first + "000000001", first + "100000001", first + "200000001"}
			for _, c := range codes {
				b.voucher(c)
			}
			dead := reborn(t, b)
			o := dead.bend()
			o.prepare = func(r dianping.Receipt, err error) (dianping.Receipt, error) {
				if r.Code == codes[1] {
					dead.bot.cancel()
					return dianping.Receipt{}, context.Canceled
				}
				return r, err
			}
			sent, fetched := len(b.courier.all()), b.album.count()
			m := b.sent(app, "", "zhangsan", "验", b.drawn(codes[0], "|"+codes[1]), b.drawn("|"+codes[2]))
			dead.start(m)
			b.bot.Pass(t.Context())
			if len(b.courier.all()) != sent {
				t.Fatal("answered")
			}
			b.album.content = map[string][]byte{} // the URLs have expired
			b.clock.Advance(b.bot.core.Lease(redeem.ConsumeCalls) + photoTime)
			dead.bot.Platforms[b.dialect] = b.bot.Platforms[b.dialect]
			again(m)
			b.settle()
			has(t, b.last(), "3 个券码，成功 3 个")
			for _, c := range codes {
				b.effects(c, 1, 0)
			}
			if n := b.album.count() - fetched; n != 2 {
				t.Errorf("fetched %d times, want once each", n)
			}
		}
	})
}

// While a picture is fetched and read, nobody else takes the message for dead.
func TestPhotoLease(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		m := b.sent(app, "", "zhangsan", "验", b.drawn("|"+Code))
		other := reborn(t, b)
		slow := slowAlbum{album: b.album, during: func() {
			b.clock.Advance(photoTime)
			other.bot.Pass(t.Context())
		}}
		b.configure(func(o *Options) { o.Pictures = slow })
		b.start(m)
		b.bot.Pass(t.Context())
		has(t, b.last(), "核销成功")
		if n := b.album.count(); n != 1 || b.calls("consume") != 1 {
			t.Errorf("%d fetched, %d consumed", n, b.calls("consume"))
		}
	})
}

// hungAlbum fetches nothing until it is let go, and counts who waits there.
type hungAlbum struct {
	*album
	there chan struct{} // who fetches
	let   chan struct{}
}

func (a hungAlbum) Fetch(ctx context.Context, channel string, p bot.Picture) ([]byte, error) {
	a.there <- struct{}{}
	<-a.let
	return a.album.Fetch(ctx, channel, p)
}

// However many pictures come, few are in memory, one of each person at a time; and
// nobody waits for all of another's.
func TestPicturesInTurn(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		const people, own = 12, 3 // as many in a group are served at once
		hung := hungAlbum{album: b.album, there: make(chan struct{}, people+own), let: make(chan struct{})}
		b.configure(func(o *Options) { o.Pictures, o.AccessByGroup = hung, true })
		var ids []string
		drawn := b.drawn("|" + Code)
		b.voucher(Code)
		for _, where := range []struct{ channel, chat string }{{robot, group}, {robot, ""}, {app, ""}} { // lisi in three conversations
			ids = append(ids, b.accept(b.sent(where.channel, where.chat, "lisi", "", drawn)))
		}
		for i := range people {
			ids = append(ids, b.accept(b.sent(robot, group, fmt.Sprint("person-", i), "", drawn)))
		}
		const most = pictureMemory / fetching
		for range most { // as many as there is room for
			<-hung.there
		}
		q := b.bot.talk.scans.queue
		for waiting := 0; waiting < people+own-most; {
			q.mu.Lock()
			waiting = len(q.waiting)
			if q.free < 0 || len(q.in) > most {
				t.Errorf("%d pictures are in, %d bytes free", len(q.in), q.free)
			}
			q.mu.Unlock()
			runtime.Gosched()
		}
		if len(hung.there) > 0 {
			t.Errorf("%d more are fetched", len(hung.there))
		}
		close(hung.let)
		for _, id := range ids {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			r, ok := b.bot.Await(ctx, id)
			if cancel(); !ok {
				t.Fatal("no answer")
			}
			has(t, r, "可以核销")
		}
	})
}

type slowAlbum struct {
	*album
	during func()
}

func (a slowAlbum) Fetch(ctx context.Context, channel string, p bot.Picture) ([]byte, error) {
	a.during()
	return a.album.Fetch(ctx, channel, p)
}

func TestVoucherCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		Code: Code, " 7992 6974 94 ": Code, "7992-697-494": Code, "７９９２６９７４９４": Code, "券码：7992697494": Code,
		"美团券码7992697494（双人餐）": Code, "No. 7992697494": Code, "7992697494\n": Code,
		"":                            "",
		"1234567":                     "",
		"123456789012345678901":       "",
		"7992697494 2025112800":       "",
		"7992697494,2025112800":       "",
		"https://a.cn/7992697494":     "",
		"a.cn 7992697494":             Code, // a space parts them
		"cXI=@7992697494":             "",
		"A7992697494":                 "",
		"7992697494B":                 "",
		"tel:7992697494":              "",
		"x=7992697494&y=1":            "",
		"weixin://wxpay/7992697494":   "",
		"BEGIN:VCARD\nTEL:7992697494": "",
	} {
		if got, ok := command.VoucherCode(text); got != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"b3JkZXIgNDUz@812345": true, "cXI=@123456": true, "欢迎光临欢迎光临": false, "two words": false, "a.cn/12345678": false,
		"http://a.cn": false, "short": false, "123456789012345678901234": false, strings.Repeat("q", command.MaxQR+1): false,
	} {
		if command.Plausible(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
