package demo

import (
	"context"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestVerifyAndUndo(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	answer := p.answerTo(func() { p.tap("7992697494") })
	p.wants(answer, "核销成功", "双人下午茶套餐", "¥49.90", "138****0001", "小王", "人民广场店", "可撤销至", "还可撤销 ")
	p.awaitVoucher("7992697494", "used")

	p.press("撤销")
	p.awaitLastCard("已撤销")
	p.await(`!document.querySelector(".clock")`)
	fresh := p.newCodeOf("7992697494")
	p.awaitVoucher(fresh, "ok")
	p.wants(p.answerTo(func() { p.tap(fresh) }), "核销成功", fresh)
	p.wants(p.say("验 7992697494"), "券码已更换")
}

func TestQueryThenConfirm(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.wants(p.answerTo(func() { p.click(`[aria-label="查 7992697402"]`) }), "工作日单人简餐", "确认核销")
	p.awaitVoucher("7992697402", "ok") // a question consumes nothing
	p.press("确认核销")
	p.awaitLastCard("核销成功", "可撤销至")
	p.awaitVoucher("7992697402", "used")
	if n := p.answers(); n != 1 {
		t.Errorf("there are %d answers; the card should have changed in its place", n)
	}
}

func TestSomebodyElsePresses(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.wants(p.answerTo(func() { p.tap("7992697494") }), "核销成功")

	p.be("xiaoli")
	refusal := p.answerTo(func() { p.press("撤销") })
	p.wants(refusal, "小王", "只有")
	p.awaitVoucher("7992697494", "used")

	p.be("wangdian")
	p.press("撤销")
	p.awaitLastCard("已撤销", "王店长")
	p.newCodeOf("7992697494")
}

func TestShortWords(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	quick := func(word string) string {
		return p.answerTo(func() {
			p.js(`[...document.querySelectorAll("#quick button")].find((b) => b.innerText === `+quoted(word)+`).click()`, nil)
		})
	}
	p.wants(quick("帮助"), "可以这样发")
	p.wants(p.answerTo(func() { p.tap("7992697402") }), "核销成功")
	p.wants(quick("记录"), "7402", "小王")
	p.wants(quick("今日"), "¥29.90")
	p.wants(quick("撤"), "7992697402")
	p.press("撤销")
	p.awaitLastCard("已撤销")
	p.newCodeOf("7992697402")
	p.wants(p.say("今天天气不错"), "帮助")

	// The quick key 验 waits for a code.
	p.js(`[...document.querySelectorAll("#quick button")].find((b) => b.innerText === "验").click()`, nil)
	p.await(`document.querySelector("#text").value === "验 " && document.activeElement.id === "text"`)
	p.wants(p.say("7992697494"), "核销成功", "7992697494")
}

func TestRobotHearsOnlyWhatIsSaidToIt(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.click("#mention")
	p.await(`document.querySelector("#mention").getAttribute("aria-pressed") === "false"`)
	p.do(chromedp.SendKeys("#text", "验 7992697494"+kb.Enter, chromedp.ByQuery))
	p.await(`document.querySelectorAll("#chat .msg.me").length === 1`)
	p.click("#mention")
	p.wants(p.say("帮助"), "可以这样发")
	if n := p.answers(); n != 1 {
		t.Errorf("the robot answered %d times; it was spoken to once", n)
	}
	p.awaitVoucher("7992697494", "ok")
}

func TestSeveralCouponsAndCodes(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.wants(p.say("验 7992697411 x4"), "3 张")
	p.awaitVoucher("7992697411", "ok")
	p.wants(p.answerTo(func() { p.click(`[aria-label="一次验两张 7992697411"]`) }),
		"核销成功", "¥19.90 × 2 = ¥39.80", "7992697411", "7992697412")
	p.awaitVoucher("7992697412", "used")
	p.awaitVoucher("7992697413", "ok")

	p.wants(p.say("验 7992697413 7992697494 7992697443"), "3 个券码", "成功 2 个", "不能在本店使用")
	p.awaitVoucher("7992697413", "used")
	p.awaitVoucher("7992697494", "used")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.wants(p.say("验 12345678"), "券码不存在")
	for _, v := range []struct{ code, says string }{
		{"7992697436", "券已过期"},
		{"7992697443", "不能在本店使用"},
		{"7992697451", "正在退款"},
	} {
		p.wants(p.answerTo(func() { p.tap(v.code) }), v.says)
	}
	p.wants(p.answerTo(func() { p.tap("7992697428") }), "已被使用", "收银台", "18:32:10")

	p.wants(p.answerTo(func() { p.tap("7992697494") }), "核销成功")
	p.be("xiaoli")
	p.wants(p.say("验 7992697494"), "小王")
}

func TestSecondGeneration(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.click(`[data-shop=xujiahui]`)
	// 小王 does not work there, and the page says who took over.
	p.await(`document.querySelector('[data-person=xiaoli]').getAttribute("aria-checked") === "true" && document.querySelector("#title").textContent.startsWith("徐家汇店") && document.body.dataset.ready === "true"`)
	p.await(`document.querySelector("#toast").textContent.includes("小李")`)

	p.wants(p.answerTo(func() { p.tap("100520267794") }), "核销成功", "徐家汇店", "小李")
	p.press("撤销")
	p.awaitLastCard("已撤销")
	p.awaitVoucher(p.newCodeOf("100520267794"), "ok")
	p.wants(p.answerTo(func() { p.click(`[aria-label="一次验两张 100520267711"]`) }), "核销成功", "× 2")
	p.wants(p.answerTo(func() { p.tap("100520267728") }), "已被使用", "收银台")
	p.wants(p.answerTo(func() { p.tap("100520267736") }), "券已过期")
	p.await(`document.querySelector("#log").innerText.includes("OP_SUCCESS")`)

	// The voucher of one store is nothing in another.
	p.wants(p.say("验 7992697494"), "券码不存在")
}

func TestPrivateChat(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.enter(appChat)
	p.await(`document.querySelector("#mention").hidden`)
	p.wants(p.answerTo(func() { p.tap("7992697402") }), "核销成功", "人民广场店")
	p.press("撤销")
	p.awaitLastCard("已撤销")

	p.be("wangdian")
	p.wants(p.say("验 7992697494"), "人民广场店", "徐家汇店")
	p.press("人民广场店")
	p.awaitLastCard("核销成功", "7992697494")
	p.awaitVoucher("7992697494", "used")

	// What one person says to the app is nobody else's to see.
	p.be("xiaoli")
	p.await(`document.querySelectorAll("#chat .msg").length === 0`)
}

func TestLostAnswer(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.click(`[data-mischief=hang]`)
	p.await(`document.querySelector("[data-mischief=hang]").getAttribute("aria-pressed") === "true"`)
	p.tap("7992697494")
	p.await(`document.querySelector("#chat .typing") && document.querySelector("#chat").innerText.includes("核验中")`)
	p.awaitLastCard("核销成功", "可撤销至")
	p.awaitVoucher("7992697494", "used")
	p.await(`[...document.querySelectorAll("#log details.bad")].some((d) => d.innerText.includes("consume") && d.innerText.includes("断开"))`)
	var consumed int
	p.js(`[...document.querySelectorAll("#log summary")].filter((s) => s.innerText.includes("核销 consume")).length`, &consumed)
	if consumed != 1 {
		t.Errorf("consume was called %d times; a lost answer must be asked after, not repeated", consumed)
	}
	p.await(`document.querySelector("[data-mischief=none]").getAttribute("aria-pressed") === "true"`)
}

func TestSellAnotherVoucher(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	var code string
	p.click("#sell")
	p.await(`document.querySelector("#vouchers").innerText.includes("刚刚卖出")`)
	p.js(`document.querySelector("#vouchers li:last-child").dataset.code`, &code)
	p.wants(p.answerTo(func() { p.tap(code) }), "核销成功", code)
}

func TestNothingSaidBecomesMarkup(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	const nasty = `<img src=x onerror="document.title='owned'"><script>1</script> **粗** [x](javascript:alert(1))`
	p.say(nasty)
	p.await(`document.querySelector("#chat .msg.me .bubble").textContent.includes(` + quoted(nasty) + `)`)

	// The same in the bot's markdown, where some marks do have a meaning.
	var drawn string
	p.do(chromedp.Evaluate(`import("/markdown.js").then(({ markdown }) => {
		const box = document.createElement("div");
		box.append(...markdown(`+quoted("**粗** `码` <@xiaowang> [好](https://example.com/?a=1) [坏](javascript:alert(1))\n- 一\n- <b>二</b>\n\n3. 三\n> 引\n# 题\n"+nasty)+`, (id) => id + "!"));
		return box.innerHTML;
	})`, &drawn, chromedp.EvalAsValue, awaitPromise))
	p.wants(drawn,
		"<strong>粗</strong>", "<code>码</code>", `<span class="at">@xiaowang!</span>`,
		`<a href="https://example.com/?a=1" target="_blank" rel="noopener noreferrer">好</a>`, "[坏](javascript:alert(1))",
		"<ul><li>一</li><li>&lt;b&gt;二&lt;/b&gt;</li></ul>", `<ol start="3"><li>三</li></ol>`, "<blockquote>引</blockquote>", "<h4>题</h4>",
		"&lt;img src=x")
	if strings.Contains(drawn, "<img") || strings.Contains(drawn, "<script") {
		t.Errorf("markup came through: %s", drawn)
	}
}

// TestFitsThePhone checks what fingers need: nothing wider than the screen,
// nothing smaller than 44 pixels.
func TestFitsThePhone(t *testing.T) {
	t.Parallel()
	p := open(t, narrow, 844)
	fits := func(where string) {
		t.Helper()
		var wrong []string
		p.js(`(() => {
			const wrong = [];
			if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is " + document.documentElement.scrollWidth + " wide");
			for (const e of document.querySelectorAll("button, summary, input")) {
				const r = e.getBoundingClientRect();
				if (!r.width || getComputedStyle(e).visibility === "hidden") continue;
				if (r.height < 43.9 || r.width < 39.9) wrong.push(e.outerHTML.slice(0, 80) + " is " + r.width + "×" + r.height);
				if (r.left < -0.5 || r.right > innerWidth + 0.5) wrong.push(e.outerHTML.slice(0, 80) + " sticks out");
			}
			return wrong;
		})()`, &wrong)
		if len(wrong) > 0 {
			t.Errorf("%s: %s", where, strings.Join(wrong, "\n"))
		}
	}
	still := func() { // a finger waits for what moves
		t.Helper()
		p.await(`!document.querySelector("#panels").getAnimations({ subtree: true }).length`)
	}
	open := func(panel string) {
		t.Helper()
		p.click("#more")
		p.await(`document.body.classList.contains("sheet")`)
		still()
		p.click("#tab-" + panel)
	}
	open("tray")
	fits("the tray")
	p.wants(p.answerTo(func() { p.tap("7992697494") }), "核销成功")
	p.await(`!document.body.classList.contains("sheet")`)
	still()
	fits("the chat")
	open("wire")
	p.await(`document.querySelectorAll("#log details").length >= 3`)
	fits("the wire")
	p.click("#close")
	p.await(`!document.body.classList.contains("sheet")`)
	still()
	p.click("#back")
	p.await(`document.querySelectorAll("#list button").length === 2`) // 小王 is in one group
	fits("the list")
}

func TestSaysWhenTheProgramIsGone(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	if err := p.demo.stop(); err != nil {
		t.Fatal(err)
	}
	p.await(`!document.querySelector("#problem").hidden && document.querySelector("#problem").innerText.includes("断开")`)
}

// TestPictures looks whether the documentation has its pictures; with -update it
// takes them anew.
func TestPictures(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "images")
	if !*update {
		for name, width := range map[string]int{"chat.png": narrow, "demo.png": wide} {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if picture, err := png.DecodeConfig(f); err != nil || picture.Width != width {
				t.Errorf("%s: width %d, want %d; %v", name, picture.Width, width, err)
			}
		}
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	take := func(p *tab, name string) {
		var picture []byte
		p.await(`document.getAnimations().every((a) => a.playState === "finished" || a.effect.getTiming().iterations === Infinity)`)
		p.do(chromedp.CaptureScreenshot(&picture))
		if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	phone := open(t, narrow, 844)
	phone.wants(phone.say("验 7992697494"), "核销成功")
	phone.await(`document.querySelector("#send").disabled`)
	take(phone, "chat.png")

	desk := open(t, wide, 900)
	desk.wants(desk.answerTo(func() { desk.click(`[aria-label="查 7992697402"]`) }), "确认核销")
	desk.wants(desk.answerTo(func() { desk.click(`[aria-label="一次验两张 7992697411"]`) }), "核销成功")
	desk.wants(desk.answerTo(func() { desk.tap("7992697494") }), "核销成功")
	desk.press("撤销")
	desk.awaitLastCard("已撤销")
	desk.newCodeOf("7992697494")
	desk.wants(desk.answerTo(func() { desk.tap("7992697402") }), "核销成功")
	take(desk, "demo.png")
}

// TestSetUpANewStore plays how a manager connects a store at either platform, in a
// real browser: authorise, bind, admit somebody, verify.
func TestSetUpANewStore(t *testing.T) {
	t.Parallel()
	for _, s := range []struct{ name, chat, platform, code, other string }{
		{"五角场店", "wrWujiaochang", "大众点评", "7992697761", "静安店"},
		{"静安店", "wrJingan", "美团", "100520268861", "五角场店"},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := open(t, wide, 900)
			p.be("wangdian")
			p.enter(s.chat)
			p.await(`document.querySelector("#chat").innerText.includes("这家店还没有接入")`)
			p.wants(p.say("绑定"), "没有可以绑定的门店")

			p.enter(appChat)
			p.wants(p.say("授权"), "授权哪个平台")
			p.press(s.platform)
			p.awaitLastCard("是哪家门店")
			p.press("新门店")
			p.awaitLastCard("10 分钟内有效")
			var link string
			p.js(`[...document.querySelectorAll("#chat .card a")].at(-1).href`, &link)
			p.wants(p.authorize(link, s.name), "授权成功", s.name)
			p.awaitLastCard("门店已接通", s.name)

			p.enter(s.chat)
			offer := p.say("绑定")
			p.wants(offer, s.name)
			p.press(s.name)
			p.awaitLastCard("已绑定")
			p.be("xiaozhou")
			p.wants(p.answerTo(func() { p.tap(s.code) }), "您还不在名单里")
			p.wants(p.say("我是 小周"), "已经告诉管理员")
			p.be("wangdian")
			p.enter(appChat)
			p.awaitLastCard("有人申请加入", "小周")
			p.press("同意")
			p.awaitLastCard("已同意")
			p.be("xiaozhou")
			p.enter(s.chat)
			p.wants(p.answerTo(func() { p.tap(s.code) }), "核销成功", s.name, "小周")
			p.awaitVoucher(s.code, "used")
		})
	}
}

// authorize follows a link in a tab of its own, as the manager's browser does, and
// gives what the page at the end says.
func (p *tab) authorize(link, store string) (text string) {
	p.t.Helper()
	ctx, closeTab := chromedp.NewContext(p.ctx)
	p.t.Cleanup(closeTab)
	other := *p
	other.ctx = ctx
	if err := chromedp.Run(ctx, chromedp.Navigate(link)); err != nil {
		p.t.Fatal(err)
	}
	next := func() { // to the page that the button leads to
		p.t.Helper()
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if _, err := chromedp.RunResponse(bounded, chromedp.Click("form button", chromedp.ByQuery, chromedp.NodeVisible)); err != nil {
			p.t.Fatalf("%v\n%s", err, other.screenText())
		}
	}
	next()
	other.js(`[...document.querySelectorAll("label")].find((l) => l.innerText.includes(`+quoted(store)+`)).click()`, nil)
	next()
	other.js(`document.body.innerText`, &text)
	return text
}

// An exported file stands in the chat and can be opened.
func TestExportedFile(t *testing.T) {
	t.Parallel()
	p := open(t, wide, 900)
	p.wants(p.answerTo(func() { p.tap("7992697494") }), "核销成功")
	p.be("wangdian")
	p.enter(appChat)
	p.do(chromedp.SendKeys("#text", "导出 今日"+kb.Enter, chromedp.ByQuery))
	p.await(`document.querySelector("#chat .media .file")?.innerText.includes(".xlsx")`)
	var got string
	p.do(chromedp.Evaluate(`fetch(document.querySelector("#chat .media").href).then(async (r) => r.status + " " + r.headers.get("Content-Disposition") + " " + new TextDecoder().decode((await r.arrayBuffer()).slice(0, 2)))`, &got, awaitPromise))
	p.wants(got, "200 attachment;", ".xlsx PK") // a workbook is a zip file
	p.await(`!document.querySelector("#chat").innerText.includes("undefined")`)
	var missing int
	p.do(chromedp.Evaluate(`fetch("api/media/nothing").then((r) => r.status)`, &missing, awaitPromise))
	if missing != 404 {
		t.Errorf("a file that is not there: %d", missing)
	}
}

// TestTonight lets the evening come: the manager gets the summary of the day with
// its picture, and the day's figures.
func TestTonight(t *testing.T) {
	t.Parallel()
	p := open(t, narrow, 844)
	p.wants(p.say("验 7992697494"), "核销成功")
	p.wants(p.say("验 7992697402"), "核销成功")
	p.click("#more")
	p.await(`document.body.classList.contains("sheet") && !document.querySelector("#panels").getAnimations({ subtree: true }).length`)
	p.click("#tonight")
	p.await(`document.querySelector("[data-person=wangdian]").getAttribute("aria-checked") === "true"`)
	p.awaitCard("2 张 ¥79.80", "门店", "人民广场店", "小王 2 张", "最忙") // on Mondays the week's comes after it
	p.await(`document.querySelector("#chat .media img")?.naturalWidth === 1080`)
	p.await(`!document.querySelector("#chat").innerText.includes("补发") && document.querySelector("#problem").hidden`)

	// Time goes on from there: what was verified can still be told about.
	p.be("xiaowang")
	p.enter(chats[0].ID)
	p.wants(p.say("撤 7992697494"), "已过撤销时间")
	p.wants(p.say("今日"), "2 张")
}
