package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// A browser reaches one address, perhaps by a tunnel and then by another name. So the
// bot's pages and the platforms' stand beside the chat page, and all links lead there.

// botPaths are where the bot's pages are.
var botPaths = []string{"/v/", "/auth/", "/files/", "/console/"}

// platformPath is where the pages of a shop's platform are.
func platformPath(s *shop) string { return "/platform/" + s.ID }

// beside adds those pages to the chat page. idle closes the ways to them.
func (w *world) beside(page http.Handler) (all http.Handler, idle func(), err error) {
	bot, err := url.Parse(w.botURL)
	if err != nil {
		return nil, nil, fmt.Errorf("demo: links: %w", err)
	}
	transport := &http.Transport{}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.HandleFunc("GET "+loginPath, w.offerLogin)
	mux.HandleFunc("POST "+loginPath, w.login)
	for _, path := range botPaths {
		mux.Handle(path, w.passOn(transport, bot))
	}
	for _, s := range w.platforms() {
		platform, err := url.Parse(s.url)
		if err != nil {
			return nil, nil, fmt.Errorf("demo: links: %w", err)
		}
		mux.Handle(platformPath(s)+"/", http.StripPrefix(platformPath(s), w.passOn(transport, platform)))
	}
	return mux, transport.CloseIdleConnections, nil
}

// passOn lets another of our servers answer.
func (w *world) passOn(by http.RoundTripper, to *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Transport: by,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if place := r.Header.Get("Location"); place != "" {
				r.Header.Set("Location", w.here(place))
			}
			return nil
		},
		ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) {
			refuse(rw, http.StatusBadGateway, "机器人没有回应，请过一会儿再试。")
		},
	}
}

// here is where a redirect leads: it names the address that the bot believes it is at,
// or WeCom's, whose pages for signing in are ours, too.
func (w *world) here(to string) string {
	if path, ours := strings.CutPrefix(to, w.home); ours && strings.HasPrefix(path, "/") {
		return path
	}
	if u, err := url.Parse(to); err == nil && strings.HasSuffix(u.Host, ".weixin.qq.com") {
		return loginPath + "?" + url.Values{"to": {to}}.Encode()
	}
	return to
}

// loginPath is where a browser signs in as a member of the company.
const loginPath = "/wecom-login"

var loginPage = template.Must(template.New("login").Parse(`<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>企业微信登录</title></head>
<body style="font:16px sans-serif;max-width:30em;margin:2em auto">
<p>模拟的企业微信，不用扫码：选您是谁。</p>
<form method="post">{{range .}}<p><button name="person" value="{{.ID}}">{{.Name}}（{{.Role}}）</button></p>{{end}}</form>
</body></html>
`))

func (w *world) offerLogin(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = loginPage.Execute(rw, people) // a browser that left does not need it
}

func (w *world) login(rw http.ResponseWriter, r *http.Request) {
	back, err := w.wecom.Authorize(r.PostFormValue("person"), r.URL.Query().Get("to"))
	if err != nil {
		refuse(rw, http.StatusBadRequest, "不能登录："+err.Error())
		return
	}
	http.Redirect(rw, r, w.here(back), http.StatusSeeOther)
}

// as gives messages with links for a browser that reaches the page at another address.
func (w *world) as(origin string, messages []message) ([]message, error) {
	if origin == w.home {
		return messages, nil
	}
	text, err := json.Marshal(messages)
	if err != nil {
		return nil, fmt.Errorf("demo: links: %w", err)
	}
	var moved []message
	err = json.Unmarshal(bytes.ReplaceAll(text, []byte(w.home+"/"), []byte(origin+"/")), &moved)
	return moved, err
}

// originOf is the address at which a browser reaches the page. Its host was found to be
// one that may be asked for.
func originOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: r.Host}).String()
}
