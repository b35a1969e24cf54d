package chat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/ticket"
	"yanquan/models"

	"github.com/xuri/excelize/v2"
)

// exported runs the background work until something came of the exports, and gives
// what was delivered to people since, not to groups.
func (b *bench) exported() []bot.Delivery {
	b.t.Helper()
	for range 6 { // the export, then what it put into the outbox
		b.bot.Pass(b.t.Context())
		b.clock.Advance(time.Second)
	}
	all := b.courier.all()
	before := b.seen
	b.seen = len(all)
	return slices.DeleteFunc(all[before:], func(d bot.Delivery) bool { return d.Chat != "" })
}

// export is the one that a message asked for, which must be running.
func (b *bench) export(inboxID string) models.Export {
	b.t.Helper()
	running, err := b.db.Exports.Due(b.t.Context(), b.clock.Now().AddDate(1, 0, 0), 100)
	b.must(err)
	i := slices.IndexFunc(running, func(e models.Export) bool { return e.InboxID == inboxID })
	if i < 0 {
		b.t.Fatalf("no export of %s is running: %+v", inboxID, running)
	}
	return running[i]
}

// tell texts to the app.
func (b *bench) tell(user, text string) bot.Reply {
	b.t.Helper()
	m := b.at(app, "", user)
	m.Kind, m.Text = bot.Text, text
	return b.give(m)
}

// content reads a delivered file.
func (b *bench) content(f *bot.File) []byte {
	b.t.Helper()
	_, in, err := b.bot.tickets.OpenFile(b.t.Context(), f.ID)
	b.must(err)
	defer in.Close()
	data, err := io.ReadAll(in)
	b.must(err)
	return data
}

// The file has what the platform's ledger has: each coupon that was verified, and
// those that were undone.
func TestExport(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		codes := map[string]string{}
		for i := range 5 {
			code := fmt.Sprintf("700000000%d", i)
			b.voucher(code)
			has(t, b.say("zhangsan", "验 "+code), "核销成功")
			codes[code] = "已核销"
		}
		has(t, b.say("zhangsan", "撤 7000000003"), "已撤销")
		codes["7000000003"] = "已撤销"
		has(t, b.say("zhangsan", "验 7000000099"), "券码不存在")
		b.exported()

		if reply := b.tell("boss", "导出 本月"); !reply.Empty() {
			t.Errorf("words before a file that is there at once:\n%s", show(reply))
		}
		got := b.exported()
		if len(got) != 1 || got[0].User != "boss" || got[0].Reply.File == nil || got[0].Channel != app {
			t.Fatalf("delivered %+v", got)
		}
		has(t, got[0].Reply, "2026年11月", "2 家门店", "核销 4 张", "¥199.60", "撤销 1 张。另有 1 次未成功，在「未成功」表里。")
		f := got[0].Reply.File
		if f.Name != "验券_2026年11月_2家门店.xlsx" || f.Kind != bot.AnyFile {
			t.Errorf("file is %+v", f)
		}
		data := b.content(f)
		if int64(len(data)) != f.Size {
			t.Errorf("%d bytes, said %d", len(data), f.Size)
		}
		book, err := excelize.OpenReader(bytes.NewReader(data))
		b.must(err)
		defer book.Close()
		rows, err := book.GetRows("人民广场店")
		b.must(err)
		if len(rows) != len(codes)+1 {
			t.Fatalf("%d rows", len(rows))
		}
		for _, row := range rows[1:] {
			if codes[row[3]] != row[5] {
				t.Errorf("%s is %s, want %s", row[3], row[5], codes[row[3]])
			}
			delete(codes, row[3])
		}
		if len(codes) > 0 {
			t.Errorf("not in the file: %v", codes)
		}
		rows, err = book.GetRows("未成功")
		b.must(err)
		if len(rows) != 3 || rows[1][1] != "人民广场店" || rows[1][3] != "7000000099" || rows[1][4] != "张三" || rows[1][5] != "券码不存在" {
			t.Errorf("not verified: %q", rows)
		}
	})
}

// Where nothing was verified, there is still to be seen what was refused; in a CSV file
// there is not.
func TestExportOfRefusals(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		has(t, b.say("zhangsan", "验 7000000099"), "券码不存在")
		b.exported()
		has(t, b.tell("wangwu", "导出 今日 csv"), "没有核销记录")
		has(t, b.tell("boss", "导出 昨日"), "没有核销记录")
		b.exported()
		b.tell("wangwu", "导出 今日")
		got := b.exported()
		if len(got) != 1 || got[0].Reply.File == nil {
			t.Fatalf("%+v", got)
		}
		has(t, got[0].Reply, "核销 0 张", "另有 1 次未成功")
	})
}

func TestExportFormsAndPeriods(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()
		for text, name := range map[string]string{
			"导出 今日": "验券_今日_11-23_人民广场店.xlsx", "导出今天 csv": "验券_今日_11-23_人民广场店.csv", "导出 2026-11-23 CSV。": "验券_2026-11-23_人民广场店.csv",
			"导出 11月 Excel": "验券_2026年11月_人民广场店.xlsx", "导出 本周": "验券_本周_11-23_至_11-23_人民广场店.xlsx",
		} {
			b.tell("wangwu", text)
			got := b.exported()
			if len(got) != 1 || got[0].Reply.File == nil || got[0].Reply.File.Name != name {
				t.Errorf("%s: %+v, want %s", text, got, name)
				continue
			}
			isCSV := bytes.HasPrefix(b.content(got[0].Reply.File), []byte("\xEF\xBB\xBF门店,"))
			if isCSV != strings.HasSuffix(name, ".csv") {
				t.Errorf("%s: is CSV: %v", name, isCSV)
			}
			// Excel opens it, and twenty digits do not survive that.
			if warned := strings.Contains(got[0].Reply.Text, "请发不带 csv 的导出"); warned != isCSV {
				t.Errorf("%s: %q", name, got[0].Reply.Text)
			}
		}
		for text, say := range map[string]string{
			"导出": "请在「导出」后面写时间", "导出 全部": "请在「导出」后面写时间", "导出 昨日": "没有核销记录", "导出 2026-12-01": "还没有开始", "导出 9月": "没有核销记录",
		} {
			has(t, b.tell("wangwu", text), say)
			if got := b.exported(); len(got) != 1 || got[0].Reply.File != nil {
				t.Errorf("%s: %+v", text, got)
			}
		}
	})
}

// In a group there are only words: the file goes to the person, by the app, where
// there is one. A robot in private gives a link.
func TestExportWhere(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.configure(func(o *Options) {
			o.FileLink = func(file, ticket string) string { return "https://example.com/files/" + file + "/" + ticket }
		})
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()

		r := b.say("boss", "导出 今日")
		has(t, r, "正在生成", "单聊")
		if r.File != nil || strings.Contains(show(r), "example.com") {
			t.Errorf("in the group: %+v", r)
		}
		found := 0
		for _, d := range b.exported() {
			if d.Reply.File != nil {
				found++
				if d.Channel != app || d.Chat != "" || d.User != "boss" || d.Way != (bot.Way{}) {
					t.Errorf("the file goes to %+v", d)
				}
			}
		}
		if found != 1 {
			t.Errorf("%d files", found)
		}

		m := b.at(robot, "", "boss")
		m.Kind, m.Text = bot.Text, "导出 今日"
		id, err := b.bot.Accept(t.Context(), m)
		b.must(err)
		b.fetched(id, bot.Reply{}) // the words went out passively; the file is not an answer like them
		found = 0
		for _, d := range b.exported() {
			if f := d.Reply.File; f != nil {
				found++
				if d.Channel != robot || d.Way != m.Way || !strings.HasPrefix(f.URL, "https://example.com/files/"+f.ID+"/") {
					t.Errorf("the link goes to %+v, %+v", d, f)
				}
				secret := strings.TrimPrefix(f.URL, "https://example.com/files/"+f.ID+"/")
				ctx := t.Context()
				for range 2 {
					if _, err := b.bot.tickets.OfferedFile(ctx, f.ID, secret); err != nil {
						t.Error(err)
					}
				}
				if _, err := b.bot.tickets.TakeFile(ctx, f.ID, "another"); !errors.Is(err, ticket.ErrFileOver) {
					t.Errorf("another ticket: %v", err)
				}
				if got, err := b.bot.tickets.TakeFile(ctx, f.ID, secret); err != nil || got.Name != f.Name {
					t.Errorf("%+v, %v", got, err)
				}
				if _, err := b.bot.tickets.TakeFile(ctx, f.ID, secret); !errors.Is(err, ticket.ErrFileOver) {
					t.Errorf("a second time: %v", err)
				}
				b.clock.Advance(ticket.FileLife)
				if _, _, err := b.bot.tickets.OpenFile(ctx, f.ID); !errors.Is(err, ticket.ErrFileOver) {
					t.Errorf("a day later: %v", err)
				}
			}
		}
		if found != 1 {
			t.Errorf("%d links", found)
		}

		b.configure(func(o *Options) { o.NoticeChannel = "" })
		has(t, b.say("boss", "导出 11-23"), "打开和我的单聊")
	})
}

// One at a time for each person, whatever is asked in between.
func TestOneExportAtATime(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()
		b.tell("boss", "导出 今日")
		has(t, b.tell("Boss", "导出 本月"), "上一次的导出还在生成")
		b.tell("wangwu", "导出 今日") // somebody else's does not count
		files := map[string]int{}
		for _, d := range b.exported() {
			if d.Reply.File != nil {
				files[d.User]++
			}
		}
		if len(files) != 2 || files["boss"]+files["Boss"] != 1 || files["wangwu"] != 1 {
			t.Errorf("files: %v", files)
		}
		b.tell("boss", "导出 本月") // the last one has come
		if got := b.exported(); len(got) != 1 || got[0].Reply.File == nil {
			t.Errorf("%+v", got)
		}
	})
}

// A process that dies in the middle leaves half a file that nobody sees; another
// makes it anew once the lease has ended, and the dead one, come back, cannot send
// a second.
func TestExportIsTakenOver(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()
		id := b.start(b.asks("boss", "导出 今日"))
		e := b.export(id)
		dead, err := b.db.Exports.Claim(ctx, e, b.clock.Now().Add(exportLease))
		b.must(err)
		_, err = b.db.Files.Create(ctx, models.File{ID: "half", Name: "x", UserID: "boss", ExpiresAt: b.clock.Now().Add(time.Hour)})
		b.must(err)
		if got := b.exported(); len(got) != 0 {
			t.Errorf("done under somebody else's lease: %+v", got)
		}
		b.clock.Advance(exportLease)
		got := b.exported()
		if len(got) != 1 || got[0].Reply.File == nil || got[0].Reply.File.ID == "half" {
			t.Fatalf("%+v", got)
		}
		if err := b.db.Exports.Finish(ctx, dead, "half"); !errors.Is(err, models.ErrStale) {
			t.Errorf("the dead one finishes: %v", err)
		}
		if got := b.exported(); len(got) != 0 {
			t.Errorf("once more: %+v", got)
		}
	})
}

// asks is a message to the app.
func (b *bench) asks(user, text string) bot.Message {
	m := b.at(app, "", user)
	m.Kind, m.Text = bot.Text, text
	return m
}

// What was spoken is read the same when the file is made.
func TestExportSpoken(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()
		m := b.asks("boss", "帮我导出本月")
		m.Kind = bot.Voice
		b.give(m)
		got := b.exported()
		if len(got) != 1 || got[0].Reply.File == nil {
			t.Fatalf("%+v", got)
		}
		has(t, got[0].Reply, "2026年11月")
	})
}

// Who loses their place while it is made gets nothing.
func TestExportAccessIsLookedUpAgain(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()
		b.start(b.asks("boss", "导出 今日"))
		b.configure(func(o *Options) { o.Managers = nil })
		got := b.exported()
		if len(got) != 1 || got[0].Reply.File != nil {
			t.Fatalf("%+v", got)
		}
		has(t, got[0].Reply, "导出取消了")
	})
}

// What fails again and again ends in words, and the person can ask anew.
func TestExportGivenUp(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()
		id := b.start(b.asks("boss", "导出 今日"))
		for range maxAttempts {
			_, err := b.db.Exports.Claim(ctx, b.export(id), b.clock.Now())
			b.must(err)
		}
		got := b.exported()
		if len(got) != 1 || got[0].Reply.File != nil {
			t.Fatalf("%+v", got)
		}
		has(t, got[0].Reply, "没有成功")
		b.tell("boss", "导出 今日")
		if got := b.exported(); len(got) != 1 || got[0].Reply.File == nil {
			t.Errorf("%+v", got)
		}
	})
}

// A process that ends in the middle gives its export back at once.
func TestExportGivenBack(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		b.voucher("7000000001")
		has(t, b.say("zhangsan", "验 7000000001"), "核销成功")
		b.exported()
		id := b.start(b.asks("boss", "导出 今日"))
		e := b.export(id)
		looks := 0
		b.configure(func(o *Options) {
			o.Now = func() time.Time {
				if looks++; looks == 2 { // it is claimed
					b.bot.cancel()
				}
				return b.clock.Now()
			}
		})
		if err := b.bot.exports.makeExport(b.bot.base, e); err == nil {
			t.Fatal("made after the end")
		}
		e = b.export(id)
		if e.State != models.ExportRunning || e.Attempt != 1 || e.DueAt.After(b.clock.Now()) {
			t.Errorf("left as %+v", e)
		}
	})
}
