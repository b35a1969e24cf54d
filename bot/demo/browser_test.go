package demo

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var update = flag.Bool("update", false, "write the pictures in docs/images anew")

func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	closeBrowser()
	os.Exit(status)
}

// One browser serves all tests; each has a tab of its own.
var (
	browserOnce  sync.Once
	browserCtx   context.Context
	browserErr   error
	closeBrowser = func() {}
)

func browser(t *testing.T) context.Context {
	t.Helper()
	found := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			found = path
			break
		}
	}
	if found == "" {
		const missing = "the page was NOT tested: there is no chromium; apt-get install chromium"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	browserOnce.Do(func() {
		opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found),
			chromedp.DisableGPU, chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "zh-CN"),
			chromedp.WSURLReadTimeout(patience))
		if os.Geteuid() == 0 {
			opts = append(opts, chromedp.NoSandbox) // which does not work for root
		}
		alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
		ctx, stopBrowser := chromedp.NewContext(alloc)
		browserCtx, browserErr = ctx, chromedp.Run(ctx)
		closeBrowser = func() { stopBrowser(); stopAlloc() }
	})
	if browserErr != nil {
		t.Fatalf("chromium: %v", browserErr)
	}
	return browserCtx
}

// tab is the chat page of a demonstration, in a browser.
type tab struct {
	t    *testing.T
	demo *running
	ctx  context.Context
}

const (
	wide   = 1280
	narrow = 390
)

// open starts a demonstration and shows its page.
func open(t *testing.T, width, height int64) *tab {
	t.Helper()
	root := browser(t)
	demo := start(t)
	ctx, closeTab := chromedp.NewContext(root)
	t.Cleanup(closeTab)
	p := &tab{t: t, demo: demo, ctx: ctx}
	chromedp.ListenTarget(ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			t.Errorf("the page threw: %s", e.ExceptionDetails.Error())
		}
	})
	// The tab lives as long as the first Run's context, so that has no deadline.
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		t.Fatalf("tab: %v", err)
	}
	p.do(chromedp.Navigate(demo.url))
	p.await(`document.body.dataset.ready === "true"`)
	return p
}

func (p *tab) do(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.t.Fatalf("%v\n%s", err, p.screenText())
	}
}

// js evaluates an expression.
func (p *tab) js(expression string, into any) {
	p.t.Helper()
	p.do(chromedp.Evaluate(expression, into))
}

// await waits until an expression is true.
func (p *tab) await(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := chromedp.Run(p.ctx, chromedp.Poll(expression, nil,
			chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(time.Until(deadline))))
		if err == nil {
			return
		}
		// A page that goes elsewhere takes what polls in it along.
		if gone := (*cdproto.Error)(nil); !errors.As(err, &gone) || time.Now().After(deadline) {
			p.t.Fatalf("never true: %s: %v\n%s", expression, err, p.screenText())
		}
	}
}

// screenText is what the phone shows, for messages of failure.
func (p *tab) screenText() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	var text string
	if err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector("#screen")?.innerText ?? document.title`, &text)); err != nil {
		return err.Error()
	}
	return "the phone shows:\n" + text
}

// awaitPromise makes Evaluate wait for what a promise becomes.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return string(text)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// be takes somebody's phone.
func (p *tab) be(person string) {
	p.t.Helper()
	p.click(`[data-person=` + person + `]`)
	p.await(`document.querySelector('[data-person=` + person + `]').getAttribute("aria-checked") === "true" && document.body.dataset.ready === "true"`)
}

// enter goes to a conversation by way of the list.
func (p *tab) enter(chatID string) {
	p.t.Helper()
	p.click("#back")
	p.click(`[data-chat=` + chatID + `]`)
	p.await(`!document.querySelector("#chat").hidden`)
}

const fromBot = `[...document.querySelectorAll('#chat .msg[data-from=""]')]`

// answers counts what the bot has said in the open conversation.
func (p *tab) answers() int {
	p.t.Helper()
	var n int
	p.js(fromBot+`.length`, &n)
	return n
}

// say types a text, sends it, and gives back the bot's next answer.
func (p *tab) say(text string) string {
	p.t.Helper()
	return p.answerTo(func() {
		p.do(chromedp.SendKeys("#text", text+kb.Enter, chromedp.ByQuery))
	})
}

// answerTo gives the answer to something that was done, once it is complete.
func (p *tab) answerTo(act func()) string {
	p.t.Helper()
	n := p.answers()
	act()
	p.await(fmt.Sprintf(`%s.length > %d && !document.querySelector("#chat .typing")`, fromBot, n))
	return p.last()
}

// last is the text of the bot's last bubble.
func (p *tab) last() string {
	p.t.Helper()
	var text string
	p.js(fromBot+`.at(-1).innerText`, &text)
	return text
}

// press presses a button of the bot's last card.
func (p *tab) press(text string) {
	p.t.Helper()
	// Marked, so that a real click finds it.
	p.js(`for (const b of document.querySelectorAll("[data-now]")) delete b.dataset.now;
		[...`+fromBot+`.filter((m) => m.querySelector(".keys")).at(-1)?.querySelectorAll(".keys button") ?? []].find((b) => b.innerText === `+quoted(text)+`)?.setAttribute("data-now", "1")`, nil)
	p.click("[data-now]")
}

// awaitLastCard waits until the bot's last card says all of it.
func (p *tab) awaitLastCard(says ...string) {
	p.t.Helper()
	for _, text := range says {
		p.await(`[...document.querySelectorAll("#chat .card")].at(-1)?.innerText.includes(` + quoted(text) + `)`)
	}
}

// awaitCard waits until one of the bot's cards says all of it.
func (p *tab) awaitCard(says ...string) {
	p.t.Helper()
	all := make([]string, len(says))
	for i, text := range says {
		all[i] = "c.innerText.includes(" + quoted(text) + ")"
	}
	p.await(`[...document.querySelectorAll("#chat .card")].some((c) => ` + strings.Join(all, " && ") + `)`)
}

// awaitVoucher waits for the state of a voucher in the tray.
func (p *tab) awaitVoucher(code, state string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`document.querySelector('.ticket[data-code="%s"]')?.dataset.state === %q`, code, state))
}

// newCodeOf is what the tray says a replaced code has become.
func (p *tab) newCodeOf(code string) string {
	p.t.Helper()
	p.awaitVoucher(code, "replaced")
	var fresh string
	p.js(fmt.Sprintf(`document.querySelector('.ticket[data-code="%s"] em code').textContent`, code), &fresh)
	return fresh
}

func (p *tab) tap(code string) { p.t.Helper(); p.click(`.ticket[data-code="` + code + `"] .main`) }

// wants checks that an answer says all of it.
func (p *tab) wants(answer string, says ...string) {
	p.t.Helper()
	for _, text := range says {
		if !strings.Contains(answer, text) {
			p.t.Errorf("the answer does not say %q:\n%s", text, answer)
		}
	}
}
