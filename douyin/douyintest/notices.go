package douyintest

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"yanquan/internal/fakeserver"
)

// The events of notices.
const (
	eventCertificate = "life_trade_certificate_notify"
	eventAuthorized  = "life_saas_cooperate_auth_with_bind"
)

// The actions of life_trade_certificate_notify.
const (
	actionVerify = "verify"
	actionCancel = "verify_cancel"
	actionRefund = "refund_success"
)

// Notice is a message that the platform posts to the application's URL.
type Notice struct {
	ID            string    `json:"id"` // header Msg-Id; see [Knobs.NoticeIDs]
	Event         string    `json:"event"`
	Action        string    `json:"action,omitempty"`         // of a certificate
	Code          string    `json:"code,omitempty"`           // the voucher's plain code; not in the message
	CertificateID string    `json:"certificate_id,omitempty"` // and its order
	OrderID       string    `json:"order_id,omitempty"`
	AccountID     string    `json:"account_id"`
	ShopID        string    `json:"shop_id,omitempty"` // of an authorisation; see [Knobs.NoticeShops]
	Sent          time.Time `json:"sent"`
	Attempts      int       `json:"attempts"`
	Taken         bool      `json:"taken"` // it was answered with status 200
}

// noticeAttempts is how often a notice is posted until it is taken: once and three
// times more, after 1 s, 2 s and 4 s.
const noticeAttempts = 4

// Notices returns all that were made, first made first, also those that were lost.
func (p *Platform) Notices() []Notice {
	p.core.Lock()
	defer p.core.Unlock()
	all := make([]Notice, len(p.notices))
	for i, n := range p.notices {
		all[i] = *n
	}
	return all
}

// RepeatNotice posts a notice again, as a platform does that missed the answer. It
// also posts one that was lost.
func (p *Platform) RepeatNotice(id string) error {
	return p.core.Change(func(time.Time) error {
		for _, n := range p.notices {
			if n.ID == id {
				p.startPosting(n)
				return nil
			}
		}
		return failed("no notice %q", id)
	})
}

// Subscribe has notices posted to a URL from now on, if that answers the
// handshake with its challenge.
func (p *Platform) Subscribe(ctx context.Context, to string) error {
	p.core.Lock()
	challenge, _ := strconv.Atoi("1" + p.opts.Digits(4))
	p.core.Unlock()
	body, _ := json.Marshal(object{"event": "verify_webhook", "client_key": "", "content": object{"challenge": challenge}})
	header := http.Header{"Content-Type": {"application/json"}}
	status, answer, err := fakeserver.Message{To: to, Header: header, Body: body}.Post(ctx)
	if err != nil {
		return failed("handshake: %w", err)
	}
	var echo struct{ Challenge int }
	if json.Unmarshal(answer, &echo) != nil || status != http.StatusOK || echo.Challenge != challenge {
		return failed("handshake: status %d, %.200q", status, answer)
	}
	return p.core.Change(func(time.Time) error {
		p.noticeURL = to
		return nil
	})
}

// notify tells the application what happened to a coupon. The caller holds the
// lock.
func (p *Platform) notify(action string, v *coupon, now time.Time) {
	p.addNotice(Notice{
		Event: eventCertificate, Action: action, Code: v.Code, CertificateID: v.CertificateID,
		OrderID: v.OrderID, AccountID: v.Account, Sent: now,
	})
}

// notifyAuthorized tells the application that a merchant authorises it: once for the
// account, or once for each of its shops. The caller holds the lock.
func (p *Platform) notifyAuthorized(account string, now time.Time) {
	if p.knobs.NoticeShops == NoticeShopAbsent {
		p.addNotice(Notice{Event: eventAuthorized, AccountID: account, Sent: now})
		return
	}
	for _, s := range p.shopsOf(account) {
		p.addNotice(Notice{Event: eventAuthorized, AccountID: account, ShopID: s.ID, Sent: now})
	}
}

// addNotice posts a notice, unless notices are lost. The caller holds the lock.
func (p *Platform) addNotice(n Notice) {
	n.ID = "msg-" + strconv.Itoa(len(p.notices)+1)
	p.notices = append(p.notices, &n)
	if p.knobs.Notices != NoticesLost {
		p.startPosting(&n)
	}
}

// content is what a notice tells, as its event has it.
func (n *Notice) content() object {
	if n.Event == eventAuthorized {
		return object{
			"account_id": n.AccountID, "solution_key": "16", "permission_keys": "1,16,139,140",
			"out_shop_id": "", "poi_id": n.ShopID,
		}
	}
	return object{
		"action": n.Action, "msg_time": n.Sent.Unix(),
		"certificate": object{"certificate_id": n.CertificateID, "order_id": n.OrderID, "account_id": n.AccountID},
	}
}

// message is a notice on the wire.
func (p *Platform) message(n *Notice) fakeserver.Message {
	var content any = n.content()
	if p.knobs.NoticeContent != ContentObject {
		text, _ := json.Marshal(content)
		content = string(text)
	}
	id := n.ID
	if p.knobs.NoticeIDs == NoticeIDAction {
		id = "msg-" + cmp.Or(n.Action, n.Event) + "-" + cmp.Or(n.CertificateID, n.ShopID, n.AccountID)
	}
	body, _ := json.Marshal(object{
		"event": n.Event, "client_key": p.opts.ClientKey, "from_user_id": "", "content": content,
		"log_id": "log-" + n.ID, "msg_id": id,
	})
	header := http.Header{"Msg-Id": {id}, "Content-Type": {"application/json"}}
	secret := p.opts.ClientSecret
	if p.knobs.NoticeSignature == SignatureWrong {
		secret += "x"
	}
	if p.knobs.NoticeSignature != SignatureAbsent {
		sum := sha1.Sum(append([]byte(secret), body...))
		header.Set("X-Douyin-Signature", hex.EncodeToString(sum[:]))
	}
	return fakeserver.Message{To: p.noticeURL, Header: header, Body: body}
}

// startPosting posts a notice in the background. The caller holds the lock.
func (p *Platform) startPosting(n *Notice) {
	taken := func(status int, _ []byte) bool { return status == http.StatusOK }
	p.core.Post(p.message(n), noticeAttempts, taken, func(taken bool) {
		n.Attempts++
		n.Taken = n.Taken || taken
	})
}
