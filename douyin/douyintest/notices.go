package douyintest

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"yanquan/internal/fakeserver"
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
	Action        string    `json:"action"`
	Code          string    `json:"code"` // the voucher's plain code; not in the message
	CertificateID string    `json:"certificate_id"`
	OrderID       string    `json:"order_id"`
	AccountID     string    `json:"account_id"`
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
	n := &Notice{
		ID: "msg-" + strconv.Itoa(len(p.notices)+1), Action: action, Code: v.Code, CertificateID: v.CertificateID,
		OrderID: v.OrderID, AccountID: v.Account, Sent: now,
	}
	p.notices = append(p.notices, n)
	if p.knobs.Notices != NoticesLost {
		p.startPosting(n)
	}
}

// message is a notice on the wire.
func (p *Platform) message(n *Notice) fakeserver.Message {
	var content any = object{
		"action": n.Action, "msg_time": n.Sent.Unix(),
		"certificate": object{"certificate_id": n.CertificateID, "order_id": n.OrderID, "account_id": n.AccountID},
	}
	if p.knobs.NoticeContent != ContentObject {
		text, _ := json.Marshal(content)
		content = string(text)
	}
	id := n.ID
	if p.knobs.NoticeIDs == NoticeIDAction {
		id = "msg-" + n.Action + "-" + n.CertificateID
	}
	body, _ := json.Marshal(object{
		"event": "life_trade_certificate_notify", "client_key": p.opts.ClientKey, "from_user_id": "", "content": content,
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
