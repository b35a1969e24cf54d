package demo

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsole signs in by a link from the chat and walks through the pages, on a
// phone and on a desktop, by day and by night. With -update it takes their pictures.
func TestConsole(t *testing.T) {
	p := open(t, wide, 900)
	for _, text := range []string{"验 7992697402", "验 7992697411 x2", "验 7992697494", "撤 7992697402", "验 7992697436", "验 12345678", "验 12345678", "验 7992697494"} {
		p.say(text)
	}
	p.be("wangdian")
	p.enter(appChat)
	for _, size := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"console-phone.png", narrow, 844, false}, {"console.png", wide, 900, false}, {"", narrow, 844, true}} {
		p.wants(p.say("后台"), "打开后台")
		var link string
		p.js(`[...document.querySelectorAll("#chat .card a")].at(-1).href`, &link)

		// A tab of its own, as the browser that a card opens.
		ctx, closeTab := chromedp.NewContext(p.ctx)
		t.Cleanup(closeTab)
		if err := chromedp.Run(ctx, chromedp.EmulateViewport(size.width, size.height)); err != nil {
			t.Fatal(err)
		}
		c := &tab{t: t, demo: p.demo, ctx: ctx}
		if size.dark {
			c.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
		}
		look := func(says ...string) {
			t.Helper()
			var text string
			c.js(`document.body.innerText`, &text)
			c.wants(text, says...)
			var wider bool
			if c.js(`document.documentElement.scrollWidth > innerWidth`, &wider); wider {
				t.Errorf("%d pixels are not enough for %q", size.width, says)
			}
		}
		c.do(chromedp.Navigate(link))
		look("登录后台")
		c.follow(`.in button`, "/console/")
		look("今日", "张核销", "门店", "店员", "团购")
		if size.name != "" && *update {
			var picture []byte
			c.do(chromedp.CaptureScreenshot(&picture))
			if err := os.WriteFile(filepath.Join("..", "..", "docs", "images", size.name), picture, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c.follow(`.top a:nth-of-type(2)`, "/console/history")
		look("历史", "7992697494", "已核销")
		c.follow(`.list a`, "/console/voucher/")
		look("经过", "平台 consume")
		c.follow(`.top a:nth-of-type(4)`, "/console/attempts")
		look("未成功", "全部 4", "券码不存在 2", "7992697436", "券已过期", "小王", "大众点评", "连续 2 次")
		c.follow(`.tabs a:nth-of-type(2)`, "/console/attempts")
		look("12345678", "连续 2 次")
		c.follow(`.list a`, "/console/voucher/")
		look("券码不存在", "经过")
		c.follow(`.top a:nth-of-type(5)`, "/console/reconcile")
		look("对账", "人民广场店", "徐家汇店")
		c.follow(`.top a:nth-of-type(6)`, "/console/stores")
		look("门店和人员", "王店长", "店员", "已接通")
		c.follow(`.top a:nth-of-type(7)`, "/console/audit")
		look("变更")
		c.do(chromedp.Navigate(link))
		look("请先登录")
	}
}

// TestScanner types codes as a scanner does: into the page that is open, ending each with
// Enter, and never clicks. The field is there for the next code after each.
func TestScanner(t *testing.T) {
	for _, width := range []int64{wide, narrow} {
		p := open(t, wide, 900)
		for _, text := range []string{"验 7992697402", "验 7992697411 x2"} {
			p.say(text)
		}
		p.be("wangdian")
		p.enter(appChat)
		p.wants(p.say("后台"), "打开后台")
		var link string
		p.js(`[...document.querySelectorAll("#chat .card a")].at(-1).href`, &link)
		ctx, closeTab := chromedp.NewContext(p.ctx)
		t.Cleanup(closeTab)
		if err := chromedp.Run(ctx, chromedp.EmulateViewport(width, 844)); err != nil {
			t.Fatal(err)
		}
		c := &tab{t: t, demo: p.demo, ctx: ctx}
		c.do(chromedp.Navigate(link))
		c.follow(`.in button`, "/console/")
		c.follow(`.top a:nth-of-type(3)`, "/console/scan")
		shows := func(says ...string) {
			t.Helper()
			c.await(`document.activeElement?.name === "q" && document.activeElement.value === "" && document.readyState === "complete"`)
			var text string
			c.js(`document.body.innerText`, &text)
			c.wants(text, says...)
			var wider bool
			if c.js(`document.documentElement.scrollWidth > innerWidth`, &wider); wider {
				t.Errorf("%d pixels are not enough for %q", width, says)
			}
		}
		scan := func(text, path string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(c.ctx, patience)
			defer cancel()
			if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(text+kb.Enter)); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			c.await(`location.pathname.startsWith(` + quoted(path) + `) && document.readyState === "complete"`)
		}
		shows("扫码", "这里只查")
		scan("7992697402", "/console/voucher/")
		shows("核销成功", "7992697402", "经过")
		scan("7992 6974 11 ", "/console/voucher/")
		shows("7992697411", "× 2")
		scan("7992697494", "/console/scan")
		shows("7992697494", "没有核销记录")
		scan("1807", "/console/scan")
		shows("1807", "没有找到一个券码")
	}
}

// follow clicks, and waits for the page that it leads to.
func (p *tab) follow(selector, path string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible)); err != nil {
		p.t.Fatalf("%s: %v\n%s", selector, err, p.screenText())
	}
	p.await(`location.pathname.startsWith(` + quoted(path) + `) && document.readyState === "complete"`)
}
