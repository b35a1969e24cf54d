// Package wecom speaks the protocol of WeCom (企业微信): callbacks in, answers
// out. It turns what WeCom posts into [bot.Message] and the bot's cards into
// the wire form of a channel, and it knows nothing of vouchers.
//
// Three kinds of channel exist:
//
//   - A self-built app (自建应用, [App]): 1:1 chat, XML callbacks. Answers go out
//     through the API ([Sender]): message/send and update_template_card.
//   - A smart robot (智能机器人, [Robot]): group and 1:1 chat, JSON callbacks.
//     Answers are the HTTP response ([Robot.Frame]) or, once and within an hour,
//     a post to the message's reply URL ([Sender]).
//   - A smart robot by long connection ([Socket]): we connect, and both directions
//     are frames of one WebSocket. Answers go out by [Sender], too.
//
// Numbers after "page" in comments are pages of the official manual:
// developer.work.weixin.qq.com/document/path/NUMBER.
package wecom

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Channel is a kind of channel; it is the part of [bot.Message.Channel] before
// the slash.
type Channel string

const (
	AppChannel     Channel = "app"     // self-built app
	RobotChannel   Channel = "bot"     // smart robot
	SocketChannel  Channel = "socket"  // smart robot by long connection
	WebhookChannel Channel = "webhook" // into one group, and nothing back
)

// DefaultMaxAge is how far the timestamp of a callback may be from our clock,
// in both directions. WeCom's retries carry the first try's timestamp, and
// clocks err, so the window is wide; the inbox must remember at least as long.
const DefaultMaxAge = 24 * time.Hour

// ErrMalformed marks a callback whose envelope cannot be read: answer 400.
var ErrMalformed = errors.New("wecom: malformed callback")

// callback is what App and Robot have in common: the three query parameters
// msg_signature, timestamp and nonce that come with everything encrypted.
type callback struct {
	crypto *Crypto
	now    func() time.Time
}

func newCallback(crypto *Crypto, now func() time.Time) callback {
	if now == nil {
		now = time.Now
	}
	return callback{crypto: crypto, now: now}
}

// open checks and decrypts, and returns the time that WeCom signed.
func (c callback) open(q url.Values, encrypted string) ([]byte, time.Time, error) {
	stamp := q.Get("timestamp")
	plain, err := c.crypto.Open(q.Get("msg_signature"), stamp, q.Get("nonce"), encrypted)
	if err != nil {
		return nil, time.Time{}, err
	}
	at, err := signedTime(stamp)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: timestamp: %w", ErrStale, err)
	}
	if age := c.now().Sub(at); age.Abs() > DefaultMaxAge {
		return nil, time.Time{}, ErrStale
	}
	return plain, at, nil
}

// VerifyURL answers the GET that WeCom sends when the callback URL is saved in
// its console: the decrypted echostr, to be sent back within 1 s as it is, with
// no quotes and no newline (page 90238). q must be URL-decoded, as
// [url.URL.Query] does.
func (c callback) VerifyURL(q url.Values) (string, error) {
	plain, _, err := c.open(q, q.Get("echostr"))
	if err != nil {
		return "", fmt.Errorf("verify URL: %w", err)
	}
	return string(plain), nil
}

// signedTime reads a callback's timestamp: seconds, or else milliseconds.
func signedTime(s string) (time.Time, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > maxSeconds {
		s = strconv.FormatInt(n/1000, 10)
	}
	return parseSeconds(s)
}

// maxSeconds is in the year 6325. As milliseconds, it was in 1974.
const maxSeconds = 1 << 37

// parseSeconds reads a Unix time in seconds. Its errors do not repeat the input.
func parseSeconds(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxSeconds {
		return time.Time{}, errors.New("not a Unix time")
	}
	return time.Unix(n, 0).UTC(), nil
}

// unfolded is an id that folding changes; an encrypted one does not bear it.
func unfolded(id string) string {
	if id == strings.ToLower(id) {
		return ""
	}
	return id
}
