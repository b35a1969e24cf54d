package dianpingtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"yanquan/internal/fakeserver"
)

// msgUnbound is the msgType of a merchant who withdrew the authorisation.
const msgUnbound = "510001"

// Notice is a message that the second generation posts to the developer.
type Notice struct {
	ID         string    `json:"id"` // msgId
	Type       string    `json:"type"`
	BusinessID int       `json:"business_id"`
	OpBizCode  string    `json:"op_biz_code"`
	Sent       time.Time `json:"sent"`
	Attempts   int       `json:"attempts"`
	Taken      bool      `json:"taken"` // it was answered with code 0
}

// noticeAttempts is how often a notice is posted until it is taken; before the
// next attempt it waits 1 s, 2 s, 4 s, 8 s.
const noticeAttempts = 5

// Notices returns all that were made, first made first.
func (p *Platform) Notices() []Notice {
	p.core.Lock()
	defer p.core.Unlock()
	all := make([]Notice, len(p.notices))
	for i, n := range p.notices {
		all[i] = *n
	}
	return all
}

// RepeatNotice posts a notice again, as a platform does that missed the answer.
func (p *Platform) RepeatNotice(id string) error {
	p.core.Lock()
	defer p.core.Unlock()
	for _, n := range p.notices {
		if n.ID == id {
			p.startPosting(n)
			return nil
		}
	}
	return fmt.Errorf("dianpingtest: no notice %q", id)
}

// notifyUnbound tells the developer that an authorisation ended. The caller
// holds the lock.
func (p *Platform) notifyUnbound(a *authorization, now time.Time) {
	if a.Dialect != Meituan {
		return
	}
	n := &Notice{
		ID: fmt.Sprintf("msg-%d", len(p.notices)+1), Type: msgUnbound, BusinessID: a.BusinessID, OpBizCode: a.owner(), Sent: now,
	}
	p.notices = append(p.notices, n)
	p.startPosting(n)
}

// startPosting posts a notice in the background. The caller holds the lock.
func (p *Platform) startPosting(n *Notice) {
	fields := map[string]string{
		"developerId": p.opts.DeveloperID, "businessId": strconv.Itoa(n.BusinessID), "opBizCode": n.OpBizCode,
		"msgType": n.Type, "msgId": n.ID, "timestamp": strconv.FormatInt(n.Sent.Unix(), 10), "message": "{}",
	}
	fields["sign"] = signSHA1(p.opts.SignKey, fields)
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	message := fakeserver.Message{
		To: p.consents.registration.NoticeURL, Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
	}
	p.core.Post(message, noticeAttempts, noticeTaken, func(taken bool) {
		n.Attempts++
		n.Taken = n.Taken || taken
	})
}

// noticeTaken reports whether an answer says that the developer took the notice.
func noticeTaken(status int, body []byte) bool {
	var answer struct{ Code *int }
	err := json.Unmarshal(body, &answer)
	return err == nil && status == http.StatusOK && answer.Code != nil && *answer.Code == 0
}
