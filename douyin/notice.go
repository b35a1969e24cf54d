package douyin

import (
	"cmp"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"yanquan/internal/loose"
	"yanquan/internal/scrub"
)

// Why a notice is not taken.
var (
	ErrNotAuthentic = errors.New("douyin: not signed by the platform")
	ErrMalformed    = errors.New("douyin: cannot be read")
)

// Events and actions of notices.
const (
	EventCertificate = "life_trade_certificate_notify"
	EventAuthorized  = "life_saas_cooperate_auth_with_bind"

	ActionVerify   = "verify"
	ActionCancel   = "verify_cancel"
	ActionRefunded = "refund_success"
)

// Notice is a message that the platform posted to us: a reason to ask, delivered
// perhaps never, perhaps several times, in any order. Take each ID once. The ID is
// not signed, so that who saw a notice can post it again with another: where a repeat
// must not count, take each Digest once too.
type Notice struct {
	// Answer is the body to answer with at once: the notice asks whether the address
	// is ours, is not signed, and says nothing else. nil: an empty 200 once the notice
	// is durable.
	Answer []byte

	ID      string // Msg-Id
	Digest  string // of what was signed
	Event   string
	TraceID string // log_id

	Action                 string // of EventCertificate
	Sent                   time.Time
	CertificateID, OrderID string
	AccountID              string
	OutShopID, ShopID      string // of EventAuthorized: out_shop_id, poi_id
}

// eventHandshake asks for an answer.
const eventHandshake = "verify_webhook"

const maxID = 128

// ReadNotice reads the body of a POST to the webhook's address, and its headers.
func (c *Client) ReadNotice(header http.Header, body []byte) (Notice, error) {
	v, err := loose.Decode(body)
	m, isObject := v.(map[string]any)
	o := object(m)
	if o.text("event") == eventHandshake {
		return readHandshake(o)
	}
	sum := sha1.Sum(append([]byte(c.secret), body...))
	want := hex.EncodeToString(sum[:])
	given := strings.ToLower(strings.TrimSpace(header.Get("X-Douyin-Signature")))
	switch {
	case subtle.ConstantTimeCompare([]byte(given), []byte(want)) != 1:
		return Notice{}, ErrNotAuthentic
	case err != nil:
		return Notice{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	case !isObject || o.text("event") == "":
		return Notice{}, fmt.Errorf("%w: no event", ErrMalformed)
	}
	content := o.object("content")
	about := content.object("certificate")
	n := Notice{
		ID:     cmp.Or(scrub.Plain(header.Get("Msg-Id"), maxID), scrub.Plain(o.text("msg_id"), maxID), want),
		Digest: want, Event: o.text("event"), TraceID: scrub.Plain(o.text("log_id"), 64),
		Action: content.text("action"), Sent: content.moment("msg_time"),
		CertificateID: about.id("certificate_id"), OrderID: about.id("order_id"),
		AccountID: cmp.Or(about.id("account_id"), content.id("account_id")),
		OutShopID: content.id("out_shop_id"), ShopID: content.id("poi_id"),
	}
	return n, nil
}

// challengeForm is a text that is safe to give back to any client.
var challengeForm = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,128}$`)

func readHandshake(o object) (Notice, error) {
	challenge := o.object("content")["challenge"]
	if !challengeForm.MatchString(o.object("content").text("challenge")) {
		return Notice{}, fmt.Errorf("%w: no challenge", ErrMalformed)
	}
	answer, err := json.Marshal(map[string]any{"challenge": challenge}) // a number stays one
	if err != nil {
		return Notice{}, fmt.Errorf("%w: no challenge", ErrMalformed)
	}
	return Notice{Event: eventHandshake, Answer: answer}, nil
}
