package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanquan/bot/wecom"
	"yanquan/internal/config"
)

// wecom fetches a token for each app and makes one read-only call with it: only
// that shows whether this machine's address is trusted.
func (c *checker) wecom(ctx context.Context) {
	w := c.cfg.WeCom
	if w == nil {
		return
	}
	for _, a := range w.Apps {
		if token, ok := c.token(ctx, w, a); ok {
			c.trusted(ctx, a, token)
		}
	}
}

// apiAnswer is what every WeCom call answers with.
type apiAnswer struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
	Token   string `json:"access_token"`
}

// errNoSuchCall: the server does not know the call.
var errNoSuchCall = errors.New("no such call")

func (c *checker) call(ctx context.Context, api string, query url.Values) (apiAnswer, error) {
	var answer apiAnswer
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.cfg.WeCom.APIURL+"/cgi-bin/"+api+"?"+query.Encode(), nil)
	if err != nil {
		return answer, plain(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer, plain(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return answer, errNoSuchCall
	}
	if resp.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return answer, errors.New("the answer is not JSON")
	}
	return answer, nil
}

// token calls gettoken (page 91039).
func (c *checker) token(ctx context.Context, w *config.WeCom, a config.App) (string, bool) {
	answer, err := c.call(ctx, "gettoken", url.Values{"corpid": {w.CorpID}, "corpsecret": {a.Secret}})
	switch {
	case err != nil:
		c.bad("check wecom.api_url and the network", "wecom app %s: no access token: %v", a.Name, err)
	case answer.Code == 60020:
		c.untrusted(a, answer)
	case answer.Code != 0 || answer.Token == "":
		advice := "check corp_id, and the Secret of this app in the console"
		if answer.Code == 45009 {
			advice = "too many calls: wait a minute"
		}
		c.bad(advice, "wecom app %s: no access token: %s", a.Name, answer)
	default:
		return answer.Token, true
	}
	return "", false
}

// trusted calls agent/get (page 90227), which only reads and checks the agent id
// too; a gateway that does not pass it on may know getcallbackip (page 90238).
func (c *checker) trusted(ctx context.Context, a config.App, token string) {
	answer, err := c.call(ctx, "agent/get", url.Values{"access_token": {token}, "agentid": {strconv.FormatInt(a.AgentID, 10)}})
	if errors.Is(err, errNoSuchCall) {
		answer, err = c.call(ctx, "getcallbackip", url.Values{"access_token": {token}})
	}
	switch {
	case errors.Is(err, errNoSuchCall):
		c.good("wecom app %s: access token fetched; whether this address is trusted could not be asked", a.Name)
	case err != nil:
		c.bad("check wecom.api_url and the network", "wecom app %s: %v", a.Name, err)
	case answer.Code == 60020:
		c.untrusted(a, answer)
	case answer.Code == 40056 || answer.Code == 301002:
		c.bad("agent_id and secret must be of the same app", "wecom app %s: agent_id %d is another app's: %s", a.Name, a.AgentID, answer)
	case answer.Code != 0:
		c.bad("look the code up in the WeCom manual, page 90313", "wecom app %s: %s", a.Name, answer)
	default:
		c.good("wecom app %s: access token fetched, this machine's address is trusted", a.Name)
	}
}

// untrusted names the address that WeCom saw.
func (c *checker) untrusted(a config.App, answer apiAnswer) {
	ip := wecom.CallerIP(answer.Message)
	c.bad("add "+ip+" in the console: 应用管理 → the app → 企业可信IP; it works after about a minute", "wecom app %s: %s is not a trusted address (60020)", a.Name, ip)
}

func (a apiAnswer) String() string { return fmt.Sprintf("errcode %d %s", a.Code, a.Message) }

// verifyWithin is WeCom's own limit when a callback URL is saved (page 90238).
const verifyWithin = time.Second

// callbacks does what WeCom does when a callback URL is saved in its console.
func (c *checker) callbacks(ctx context.Context) {
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

func (c *checker) callback(ctx context.Context, kind, name, base, token, aesKey, receiveID string) {
	address := base + "/wecom/" + kind + "/" + name
	fail := func(advice, format string, args ...any) {
		c.bad(advice, "callback %s: "+format, append([]any{address}, args...)...)
	}
	crypto, err := wecom.NewCrypto(token, aesKey, receiveID)
	if err != nil {
		fail("correct token and encoding_aes_key", "%v", err)
		return
	}
	var random [8]byte
	rand.Read(random[:])
	want, nonce := strconv.FormatUint(uint64(c.now().UnixNano()), 10), hex.EncodeToString(random[:])
	stamp := strconv.FormatInt(c.now().Unix(), 10)
	echo, signature, err := crypto.Seal([]byte(want), stamp, nonce)
	if err != nil {
		fail("see the message", "%v", err)
		return
	}
	query := url.Values{"msg_signature": {signature}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {echo}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), nil)
	if err != nil {
		fail("correct server.public_url", "%v", plain(err))
		return
	}
	started := c.now()
	resp, err := c.http.Do(req)
	if err != nil {
		fail("is serve running, and does the name in server.public_url lead to it?", "no answer: %v", plain(err))
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	took := c.now().Sub(started)
	switch {
	case err != nil:
		fail("check the reverse proxy", "answer broke off: %v", plain(err))
	case resp.StatusCode == http.StatusUnauthorized:
		fail("serve runs with another token, encoding_aes_key or corp_id (restart it), or the proxy changes the query", "answers 401: it does not accept our signature")
	case resp.StatusCode == http.StatusNotFound:
		fail("serve runs with another configuration, or the proxy does not pass /wecom/ on", "answers 404")
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		fail("WeCom follows no redirects: let public_url be the final address", "redirects to %s", resp.Header.Get("Location"))
	case resp.StatusCode >= 502 && resp.StatusCode <= 504:
		fail("the reverse proxy does not reach serve: is it running?", "answers %d", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		fail("see the log of serve", "answers %d", resp.StatusCode)
	case string(got) != want && strings.TrimSpace(string(got)) == want:
		fail("something on the way adds white space; the proxy must not touch the body", "answers with the right text and something around it")
	case string(got) != want:
		fail("something else answers at this address: check the reverse proxy", "answers with another text")
	case took >= verifyWithin:
		fail("WeCom waits 1 s: look for a slow proxy or connection", "is right, but took %s", took.Round(10*time.Millisecond))
	default:
		c.good("callback %s: verified in %s", address, took.Round(100*time.Microsecond))
	}
}
