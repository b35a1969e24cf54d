package dianpingtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
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
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Notice, len(p.notices))
	for i, n := range p.notices {
		all[i] = *n
	}
	return all
}

// RepeatNotice posts a notice again, as a platform does that missed the answer.
func (p *Platform) RepeatNotice(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
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
	to := p.consents.registration.NoticeURL
	if to == "" || p.ctx.Err() != nil {
		return
	}
	fields := map[string]string{
		"developerId": p.opts.DeveloperID, "businessId": strconv.Itoa(n.BusinessID), "opBizCode": n.OpBizCode,
		"msgType": n.Type, "msgId": n.ID, "timestamp": strconv.FormatInt(n.Sent.Unix(), 10), "message": "{}",
	}
	fields["sign"] = signSHA1(p.opts.SignKey, fields)
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	p.posting.Add(1)
	go func() {
		defer p.posting.Done()
		p.post(n, to, form.Encode())
	}()
}

func (p *Platform) post(n *Notice, to, form string) {
	client := &http.Client{
		Timeout:       5 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for attempt := range noticeAttempts {
		if attempt > 0 && p.opts.Sleep(p.ctx, time.Second<<(attempt-1)) != nil {
			return
		}
		taken := p.postOnce(client, to, form)
		p.mu.Lock()
		n.Attempts++
		n.Taken = n.Taken || taken
		p.bump()
		p.mu.Unlock()
		if taken || p.ctx.Err() != nil {
			return
		}
	}
}

// postOnce reports whether the developer took the notice.
func (p *Platform) postOnce(client *http.Client, to, form string) bool {
	req, err := http.NewRequestWithContext(p.ctx, http.MethodPost, to, strings.NewReader(form))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var answer struct{ Code *int }
	err = json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&answer)
	return err == nil && resp.StatusCode == http.StatusOK && answer.Code != nil && *answer.Code == 0
}
