package doctor

import (
	"context"
	"errors"
	"time"

	"yanquan/internal/config"
)

// wecomCheck is about the apps.
type wecomCheck struct{ *checker }

// run fetches a token for each app and makes one read-only call with it: only
// that shows whether this machine's address is trusted.
func (c wecomCheck) run(ctx context.Context) {
	w := c.cfg.WeCom
	if w == nil {
		return
	}
	for _, a := range w.Apps {
		if token, ok := c.token(ctx, w, a); ok {
			c.trusted(ctx, w, a, token)
		}
	}
}

// found is the trouble that an error of a [Probe] is.
func found(err error) *Trouble {
	if t, ok := errors.AsType[*Trouble](err); ok {
		return t
	}
	return &Trouble{Err: err}
}

func (c wecomCheck) token(ctx context.Context, w *config.WeCom, a config.App) (string, bool) {
	token, err := c.probe.AppToken(ctx, w.APIURL, w.CorpID, a.Secret)
	if err == nil {
		return token, true
	}
	switch t := found(err); t.Kind {
	case NotTrusted:
		c.untrusted(a, t)
	case Busy:
		c.bad("too many calls: wait a minute", "wecom app %s: no access token: %v", a.Name, t)
	case Refused, OtherAgent:
		c.bad("check corp_id, and the Secret of this app in the console", "wecom app %s: no access token: %v", a.Name, t)
	default:
		c.bad("check wecom.api_url and the network", "wecom app %s: no access token: %v", a.Name, t.Err)
	}
	return "", false
}

func (c wecomCheck) trusted(ctx context.Context, w *config.WeCom, a config.App, token string) {
	asked, err := c.probe.Agent(ctx, w.APIURL, token, a.AgentID)
	switch {
	case err != nil:
		c.unusable(a, found(err))
	case !asked:
		c.good("wecom app %s: access token fetched; whether this address is trusted could not be asked", a.Name)
	default:
		c.good("wecom app %s: access token fetched, this machine's address is trusted", a.Name)
	}
}

// unusable tells why an app that has a token cannot be used.
func (c wecomCheck) unusable(a config.App, t *Trouble) {
	switch t.Kind {
	case NotTrusted:
		c.untrusted(a, t)
	case OtherAgent:
		c.bad("agent_id and secret must be of the same app", "wecom app %s: agent_id %d is another app's: %v", a.Name, a.AgentID, t)
	case Refused, Busy:
		c.bad("look the code up in the WeCom manual, page 90313", "wecom app %s: %v", a.Name, t)
	default:
		c.bad("check wecom.api_url and the network", "wecom app %s: %v", a.Name, t.Err)
	}
}

// untrusted names the address that WeCom saw.
func (c wecomCheck) untrusted(a config.App, t *Trouble) {
	c.bad("add "+t.Answer+" in the console: 应用管理 → the app → 企业可信IP; it works after about a minute", "wecom app %s: %s is not a trusted address (60020)", a.Name, t.Answer)
}

// callbackCheck is about the addresses that WeCom calls.
type callbackCheck struct{ *checker }

// run does what WeCom does when a callback URL is saved in its console.
func (c callbackCheck) run(ctx context.Context) {
	w := c.cfg.WeCom
	if w == nil || len(w.Apps)+len(c.robots(config.ModeURL)) == 0 {
		return
	}
	base := c.cfg.Server.PublicURL
	if base == "" {
		c.bad("set server.public_url to the address that WeCom reaches this server at", "callback: server.public_url is not set")
		return
	}
	for _, a := range w.Apps {
		c.callback(ctx, "app", a.Name, base, a.Token, a.EncodingAESKey, w.CorpID)
	}
	for _, b := range c.robots(config.ModeURL) {
		c.callback(ctx, "bot", b.Name, base, b.Token, b.EncodingAESKey, "")
	}
}

func (c callbackCheck) callback(ctx context.Context, kind, name, base, token, aesKey, receiveID string) {
	address := base + "/wecom/" + kind + "/" + name
	took, err := c.probe.Callback(ctx, address, token, aesKey, receiveID)
	if err == nil {
		c.good("callback %s: verified in %s", address, took.Round(100*time.Microsecond))
		return
	}
	c.unverified(address, found(err))
}

// unverified says why a callback address would not be saved, and what to do.
func (c callbackCheck) unverified(address string, t *Trouble) {
	fail := func(advice, format string, args ...any) {
		c.bad(advice, "callback %s: "+format, append([]any{address}, args...)...)
	}
	switch t.Kind {
	case BadKeys:
		fail("correct token and encoding_aes_key", "%v", t.Err)
	case BadAddress:
		fail("correct server.public_url", "%v", t.Err)
	case Unreachable:
		fail("is serve running, and does the name in server.public_url lead to it?", "no answer: %v", t.Err)
	case BrokenOff:
		fail("check the reverse proxy", "answer broke off: %v", t.Err)
	case Unauthentic:
		fail("serve runs with another token, encoding_aes_key or corp_id (restart it), or the proxy changes the query", "answers 401: it does not accept our signature")
	case Elsewhere:
		fail("serve runs with another configuration, or the proxy does not pass /wecom/ on", "answers 404")
	case Redirects:
		fail("WeCom follows no redirects: let public_url be the final address", "redirects to %s", t.Answer)
	case NobodyBehind:
		fail("the reverse proxy does not reach serve: is it running?", "answers %d", t.Status)
	case Padded:
		fail("something on the way adds white space; the proxy must not touch the body", "answers with the right text and something around it")
	case OtherText:
		fail("something else answers at this address: check the reverse proxy", "answers with another text")
	case Slow:
		fail("WeCom waits 1 s: look for a slow proxy or connection", "is right, but took %s", t.Took.Round(10*time.Millisecond))
	default:
		fail("see the log of serve", "answers %d", t.Status)
	}
}
