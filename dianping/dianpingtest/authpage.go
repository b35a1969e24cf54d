package dianpingtest

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"yanquan/internal/fakeserver"
)

// consentAsked is what a browser on the page for merchants was sent with.
type consentAsked struct {
	dialect  Dialect
	business int
	back     *url.URL // where the browser goes afterwards
	redirect string   // redirect_url as sent
	state    string
}

// page shows what there is to grant, takes the merchant's choice (form
// field "shop", as often as needed) and sends the browser back with a code. The
// caller holds the lock.
func (p authorizer) page(c *call, now time.Time) fakeserver.Outcome {
	asked, wrong := p.asked(c, now)
	if wrong != "" {
		return pageOutcome(http.StatusBadRequest, pageData{Wrong: wrong})
	}
	switch {
	case c.method == http.MethodGet:
		return pageOutcome(http.StatusOK, p.choices(asked, ""))
	case c.method != http.MethodPost || !c.form:
		return fakeserver.ErrorPage(http.StatusMethodNotAllowed)
	}
	of := Authorization{Dialect: asked.dialect, BusinessID: asked.business, Shops: c.picked}
	if err := p.consentTo(&of); err != nil {
		return pageOutcome(http.StatusOK, p.choices(asked, "请选择要授权的门店（同一商户；服务零售每次一家）"))
	}
	code := p.newToken("")
	p.consents.codes[code] = &authCode{of: of, redirect: asked.redirect, expires: now.Add(codeLife)}
	query := asked.back.Query()
	query.Set("state", asked.state)
	if asked.dialect == Dianping {
		query.Set("auth_code", code)
	} else {
		query.Set("code", code)
		query.Set("opBizCode", of.owner())
		query.Set("opBizName", p.titleOf(of))
	}
	back := *asked.back
	back.RawQuery = query.Encode()
	return fakeserver.Outcome{Status: http.StatusFound, ContentType: fakeserver.TypeHTML, Location: back.String()}
}

// asked reads the address of the page, or says what is wrong with it.
func (p authorizer) asked(c *call, now time.Time) (asked consentAsked, wrong string) {
	if c.trouble != "" {
		return asked, c.trouble
	}
	asked = consentAsked{dialect: c.dialect, state: c.fields["state"], redirect: c.fields["redirect_url"]}
	to := p.consents.registration.CallbackURL
	if c.dialect == Meituan {
		if wrong := gen2(p).signed(c.fields, now); wrong != "" {
			return asked, "参数错误 " + wrong
		}
		asked.business, _ = strconv.Atoi(c.fields["businessId"])
		if asked.business != businessVouchers && asked.business != businessShopList {
			return asked, "参数错误 businessId"
		}
	} else {
		to = asked.redirect
		if registered := p.consents.registration.RedirectURLs; len(registered) > 0 && !slices.Contains(registered, to) {
			return asked, "redirect_url未登记"
		}
		if !sameText(c.fields["app_key"], p.opts.AppKey) {
			return asked, "app_key不存在"
		}
		var scope []string
		if text := c.fields["scope"]; text != "" && json.Unmarshal([]byte(text), &scope) != nil {
			return asked, "参数格式错误 scope"
		}
	}
	if asked.state == "" {
		return asked, "缺少参数 state"
	}
	back, err := url.Parse(to)
	if err != nil || back.Scheme != "http" && back.Scheme != "https" || back.Host == "" {
		return asked, "回调地址错误"
	}
	asked.back = back
	return asked, ""
}

// titleOf is opBizName.
func (p authorizer) titleOf(a Authorization) string {
	if a.BusinessID == businessShopList {
		return a.Customer
	}
	s := p.shop(a.Shops[0])
	return s.Name + s.Branch
}

// pageData fills the page.
type pageData struct {
	Wrong   string
	Title   string
	Several bool // more than one can be chosen
	Shops   []*Shop
}

func (p authorizer) choices(asked consentAsked, wrong string) pageData {
	d := pageData{Wrong: wrong, Title: "点评管家授权", Several: true, Shops: p.shops}
	switch asked.business {
	case businessVouchers:
		d.Title, d.Several = "服务零售授权：请选择一家门店", false
	case businessShopList:
		d.Title, d.Several = "服务零售(客户)授权：所选门店的商户名下全部门店", false
	}
	return d
}

var consentPage = template.Must(template.New("consent").Parse(`<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>商家授权</title></head>
<body style="font:16px sans-serif;max-width:30em;margin:2em auto">
<p>模拟平台，不是美团或大众点评。</p>
{{with .Wrong}}<p role="alert">{{.}}</p>{{end}}
{{if .Shops}}<h1>{{.Title}}</h1>
<form method="post">
{{range .Shops}}<p><label><input type="{{if $.Several}}checkbox{{else}}radio{{end}}" name="shop" value="{{.ID}}"> {{.Name}}{{.Branch}} <small>{{.ID}} · {{.Customer}}</small></label></p>
{{end}}<p><button>同意授权</button></p>
</form>{{end}}
</body></html>
`))

func pageOutcome(status int, d pageData) fakeserver.Outcome {
	var b bytes.Buffer
	if err := consentPage.Execute(&b, d); err != nil {
		return fakeserver.ErrorPage(http.StatusInternalServerError)
	}
	return fakeserver.Outcome{Status: status, ContentType: fakeserver.TypeHTML, Body: b.Bytes()}
}
