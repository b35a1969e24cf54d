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
	"yanquan/dianping"
)

// Probe makes single checks, for what has words of its own about them.
type Probe struct {
	HTTP *http.Client // it follows no redirects, which are findings
	Now  func() time.Time
}

// NewProbe uses a client's transport and time-out; nil: one with ten seconds.
func NewProbe(client *http.Client, now func() time.Time) Probe {
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	if now == nil {
		now = time.Now
	}
	own := *client
	// A redirect is a finding, and secrets are in the addresses.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return Probe{&own, now}
}

// Kind is what a check has found to be wrong.
type Kind string

// What can be wrong. Answer is the text of the answer, where there is one.
const (
	Unreachable  Kind = "unreachable"   // no answer: Err
	BadAnswer    Kind = "bad_answer"    // an answer that is not of this API: Err
	Refused      Kind = "refused"       // Code, Answer
	Busy         Kind = "busy"          // too many calls: Code, Answer
	NotTrusted   Kind = "not_trusted"   // Answer is the address that WeCom saw
	OtherAgent   Kind = "other_agent"   // Code, Answer
	BadKeys      Kind = "bad_keys"      // token or encoding_aes_key have not the form: Err
	BadAddress   Kind = "bad_address"   // Err
	Unauthentic  Kind = "unauthentic"   // 401 to our signature
	Elsewhere    Kind = "elsewhere"     // 404
	Redirects    Kind = "redirects"     // Answer is where to
	NobodyBehind Kind = "nobody_behind" // the reverse proxy reaches no server: Status
	OddStatus    Kind = "odd_status"    // Status
	BrokenOff    Kind = "broken_off"    // Err
	Padded       Kind = "padded"        // white space around the right text
	OtherText    Kind = "other_text"    // not what should answer there
	Slow         Kind = "slow"          // Took
)

// Trouble is what a check has found. It holds no secret.
type Trouble struct {
	Kind   Kind
	Code   int
	Status int
	Answer string
	Took   time.Duration
	Err    error
}

func (t *Trouble) Error() string {
	switch {
	case t.Err != nil:
		return fmt.Sprintf("%s: %v", t.Kind, t.Err)
	case t.Code != 0:
		return fmt.Sprintf("errcode %d %s", t.Code, t.Answer)
	case t.Status != 0:
		return fmt.Sprintf("%s: HTTP status %d", t.Kind, t.Status)
	}
	return strings.TrimSpace(string(t.Kind) + " " + t.Answer)
}

func (t *Trouble) Unwrap() error { return t.Err }

// codeNotTrusted: a self-built app is called from an address that is not in 企业可信IP.
const codeNotTrusted = 60020

// apiAnswer is what every WeCom call answers with.
type apiAnswer struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
	Token   string `json:"access_token"`
}

// errNoSuchCall: the server does not know the call.
var errNoSuchCall = errors.New("no such call")

func (p Probe) call(ctx context.Context, apiURL, api string, query url.Values) (apiAnswer, error) {
	var answer apiAnswer
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, apiURL+"/cgi-bin/"+api+"?"+query.Encode(), nil)
	if err != nil {
		return answer, &Trouble{Kind: BadAddress, Err: plain(err)}
	}
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return answer, &Trouble{Kind: Unreachable, Err: plain(err)}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return answer, errNoSuchCall
	}
	if resp.StatusCode != http.StatusOK {
		return answer, &Trouble{Kind: BadAnswer, Status: resp.StatusCode, Err: fmt.Errorf("HTTP status %d", resp.StatusCode)}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return answer, &Trouble{Kind: BadAnswer, Err: errors.New("the answer is not JSON")}
	}
	return answer, nil
}

// AppToken fetches an app's access token (page 91039), which shows that corp id and
// secret belong together.
func (p Probe) AppToken(ctx context.Context, apiURL, corpID, secret string) (string, error) {
	answer, err := p.call(ctx, apiURL, "gettoken", url.Values{"corpid": {corpID}, "corpsecret": {secret}})
	if errors.Is(err, errNoSuchCall) {
		err = &Trouble{Kind: BadAnswer, Status: http.StatusNotFound, Err: errNoSuchCall}
	}
	if err == nil && (answer.Code != 0 || answer.Token == "") {
		err = answer.trouble()
	}
	return answer.Token, err
}

// Agent calls agent/get (page 90227), which only reads: it shows whether this machine's
// address is trusted, and whether the agent id is that of the token's app. A gateway
// that does not pass it on may know getcallbackip (page 90238); where it does not, either,
// asked is false.
func (p Probe) Agent(ctx context.Context, apiURL, token string, agentID int64) (asked bool, err error) {
	answer, err := p.call(ctx, apiURL, "agent/get", url.Values{"access_token": {token}, "agentid": {strconv.FormatInt(agentID, 10)}})
	if errors.Is(err, errNoSuchCall) {
		answer, err = p.call(ctx, apiURL, "getcallbackip", url.Values{"access_token": {token}})
	}
	switch {
	case errors.Is(err, errNoSuchCall):
		return false, nil
	case err == nil && answer.Code != 0:
		err = answer.trouble()
	}
	return true, err
}

// trouble is a refusal.
func (a apiAnswer) trouble() *Trouble {
	t := &Trouble{Kind: Refused, Code: a.Code, Answer: a.Message}
	switch a.Code {
	case codeNotTrusted:
		t.Kind, t.Answer = NotTrusted, wecom.CallerIP(a.Message)
	case 45009:
		t.Kind = Busy
	case 40056, 301002:
		t.Kind = OtherAgent
	}
	return t
}

// verifyWithin is WeCom's own limit when a callback URL is saved (page 90238).
const verifyWithin = time.Second

// Callback does what WeCom does when a callback URL is saved in its console, and tells
// how long the answer took. receiveID is the corp id for an app and empty for a robot.
func (p Probe) Callback(ctx context.Context, address, token, aesKey, receiveID string) (took time.Duration, err error) {
	crypto, err := wecom.NewCrypto(token, aesKey, receiveID)
	if err != nil {
		return 0, &Trouble{Kind: BadKeys, Err: err}
	}
	var random [8]byte
	rand.Read(random[:])
	want, nonce := strconv.FormatUint(uint64(p.Now().UnixNano()), 10), hex.EncodeToString(random[:])
	stamp := strconv.FormatInt(p.Now().Unix(), 10)
	echo, signature, err := crypto.Seal([]byte(want), stamp, nonce)
	if err != nil {
		return 0, &Trouble{Kind: BadKeys, Err: err}
	}
	query := url.Values{"msg_signature": {signature}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {echo}}
	return p.Fetch(ctx, address+"?"+query.Encode(), want)
}

// Fetch reads an address, which is to answer with a text and nothing else, as soon as
// WeCom wants it.
func (p Probe) Fetch(ctx context.Context, address, want string) (took time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, &Trouble{Kind: BadAddress, Err: plain(err)}
	}
	started := p.Now()
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return 0, &Trouble{Kind: Unreachable, Err: plain(err)}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	took = p.Now().Sub(started)
	t := &Trouble{Status: resp.StatusCode, Took: took}
	switch {
	case err != nil:
		t.Kind, t.Err = BrokenOff, plain(err)
	case resp.StatusCode == http.StatusUnauthorized:
		t.Kind = Unauthentic
	case resp.StatusCode == http.StatusNotFound:
		t.Kind = Elsewhere
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		t.Kind, t.Answer = Redirects, resp.Header.Get("Location")
	case resp.StatusCode >= 502 && resp.StatusCode <= 504:
		t.Kind = NobodyBehind
	case resp.StatusCode != http.StatusOK:
		t.Kind = OddStatus
	case string(got) != want && strings.TrimSpace(string(got)) == want:
		t.Kind = Padded
	case string(got) != want:
		t.Kind = OtherText
	case took >= verifyWithin:
		t.Kind = Slow
	default:
		return took, nil
	}
	return took, t
}

// Clock tells how far our clock is ahead of the Date header of a server; told is false
// where it has none.
func (p Probe) Clock(ctx context.Context, url string) (ahead time.Duration, told bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url+"/", nil)
	if err != nil {
		return 0, false, &Trouble{Kind: BadAddress, Err: plain(err)}
	}
	sent := p.Now()
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return 0, false, &Trouble{Kind: Unreachable, Err: plain(err)}
	}
	resp.Body.Close()
	answered := p.Now()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false, nil
	}
	// They took the time somewhere between the two, and cut it to the second.
	ours := sent.Add(answered.Sub(sent) / 2)
	return ours.Sub(theirs.Add(500 * time.Millisecond)).Round(time.Second), true, nil
}

// MaxSkew is how far our clock may be off. The platform tolerates more for signatures,
// but the undo window is shown by our clock and kept by theirs.
const MaxSkew = 30 * time.Second

// noToken is a merchant's token that no platform has given out.
const noToken = "0000000000000000000000000000000000000000"

// PlatformKeys makes a signed call that has no effect and can have none, for its token
// is made up. A platform that refuses the token, and only that, knows the keys. Any
// other answer is the error.
func (p Probe) PlatformKeys(ctx context.Context, client dianping.Client) error {
	_, err := client.QueryShopDeal(ctx, dianping.Shop{ID: "0", Session: noToken})
	if e, ok := errors.AsType[*dianping.Error](err); ok && (e.Class == dianping.SessionExpired || e.Class == dianping.Reauthorize) {
		return nil
	}
	return err
}
