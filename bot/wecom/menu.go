package wecom

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"yanquan/bot"
)

const apiMenu = "menu/create" // page 90231

// MenuEntry is an entry of an app's menu: one that opens others, or one that acts.
type MenuEntry struct {
	Type string      `json:"type,omitempty"` // click or scancode_waitmsg; empty: opens Sub
	Name string      `json:"name"`           // at most 16 bytes, below the top 40
	Key  string      `json:"key,omitempty"`  // at most 128 bytes; of a click, what it types
	Sub  []MenuEntry `json:"sub_button,omitempty"`
}

// Menu is what "yanquan wecom menu" gives an app: at most three entries, and five
// below each. The keys are what a person would text, as [App] takes them.
var Menu = []MenuEntry{
	{Type: "scancode_waitmsg", Name: "扫码核销", Key: "scan"},
	{Name: "查记录", Sub: []MenuEntry{
		typed("最近的核销", "记录"), typed("今日汇总", "今日"), typed("昨日汇总", "昨日"), typed("撤销最近一次", "撤"),
	}},
	{Name: "帮助", Sub: []MenuEntry{
		typed("能做什么", "帮助"), typed("后台", "后台"), typed("门店", "门店"),
	}},
}

func typed(name, text string) MenuEntry { return MenuEntry{Type: "click", Name: name, Key: text} }

// CreateMenu gives an app a menu, in place of the one it has; clients show it
// within a day, or when the app is opened anew. The error is a [*bot.DeliveryError].
func (s *Sender) CreateMenu(ctx context.Context, app string, menu []MenuEntry) error {
	a := s.apps[string(AppChannel)+"/"+app]
	if a == nil {
		return refusedHere(reasonUnknownChan, "", "app %q is not configured", app)
	}
	query := url.Values{"agentid": {strconv.FormatInt(a.agentID, 10)}}
	if err := s.ask(ctx, a, apiMenu, query, map[string][]MenuEntry{"button": menu}, &struct{}{}); err != nil {
		return failed(err, bot.AsText)
	}
	return nil
}

// CallerIP is the address that a refusal of WeCom's says it saw, or words for it.
func CallerIP(refusal string) string {
	if found := callerIP.FindStringSubmatch(refusal); found != nil {
		return strings.TrimRight(found[1], ".:")
	}
	return "this machine's public address"
}

var callerIP = regexp.MustCompile(`from ip:\s*([0-9a-fA-F.:]+)`)

// Advice is what an operator is to do about a call that WeCom has refused.
func Advice(err error) string {
	reason := ""
	if e, ok := errors.AsType[*bot.DeliveryError](err); ok {
		reason = e.Reason
	}
	switch reason {
	case reasonAddress:
		return "add " + CallerIP(err.Error()) + " in the console: 应用管理 → the app → 企业可信IP; it works after about a minute"
	case reasonToken:
		return "check corp_id, and the Secret of this app in the console"
	case reasonConfig:
		return "agent_id and secret must be of the same app"
	case reasonRate:
		return "too many calls: wait a minute"
	}
	return "check wecom.api_url and the network, or look the code up in the WeCom manual, page 90313"
}
