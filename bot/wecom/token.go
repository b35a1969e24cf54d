package wecom

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/silenceper/wechat/v2/util"
)

const (
	// tokenMargin is how long before its end a token is no longer used.
	tokenMargin = 5 * time.Minute
	// refusalMemory is how long a refusal of gettoken is repeated without
	// asking: wrong secrets in a row block the address for an hour.
	refusalMemory = 30 * time.Second
	// dropPause is the least time between two tokens that are dropped: WeCom may
	// refuse whatever token, and gettoken is not for every call.
	dropPause = time.Minute
)

// tokenStore keeps one app's access token: fetched when needed, by one caller at
// a time while the others wait, and dropped when WeCom refuses it, which
// silenceper's own never is.
type tokenStore struct {
	apiURL, corpID, secret string
	now                    func() time.Time

	lock    chan struct{} // held by who reads or changes what is below
	token   string
	good    time.Time // token may be used until then
	refused error     // gettoken's last refusal …
	until   time.Time // … is repeated until then
	dropped time.Time // when a token was last dropped
}

// newTokenStore makes the process-wide client safe first: fetching uses it.
func newTokenStore(apiURL, corpID, secret string, now func() time.Time) *tokenStore {
	boundClient()
	return &tokenStore{apiURL: apiURL, corpID: corpID, secret: secret, now: now, lock: make(chan struct{}, 1)}
}

// get gives a token that may be used.
func (s *tokenStore) get(ctx context.Context) (string, error) {
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return "", fmt.Errorf("wecom: gettoken: %w", ctx.Err())
	}
	now := s.now()
	if s.token != "" && now.Before(s.good) {
		return s.token, nil
	}
	if s.refused != nil && now.Before(s.until) {
		return "", s.refused
	}
	token, lifetime, err := s.fetch(ctx)
	if err != nil {
		if code := apiCode(err); code != 0 && code != codeBusy {
			s.refused, s.until = err, now.Add(refusalMemory)
		}
		return "", err
	}
	s.token, s.good, s.refused = token, now.Add(max(lifetime-tokenMargin, lifetime/2)), nil
	return token, nil
}

// drop forgets token, unless another has taken its place already. It is false where
// one was dropped a moment ago: there is no other yet.
func (s *tokenStore) drop(token string) bool {
	s.lock <- struct{}{}
	defer func() { <-s.lock }()
	if s.token != token {
		return true
	}
	now := s.now()
	if since := now.Sub(s.dropped); since >= 0 && since < dropPause {
		return false
	}
	s.token, s.dropped = "", now
	return true
}

// fetch calls gettoken (page 91039).
func (s *tokenStore) fetch(ctx context.Context) (token string, lifetime time.Duration, err error) {
	const api = "gettoken"
	query := url.Values{"corpid": {s.corpID}, "corpsecret": {s.secret}}
	raw, err := util.HTTPGetContext(ctx, s.apiURL+"/cgi-bin/gettoken?"+query.Encode())
	if err != nil {
		return "", 0, callError(api, err, s.secret)
	}
	var answer struct {
		util.CommonError
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", 0, callError(api, errBadAnswer, "")
	}
	if answer.ErrCode != 0 {
		return "", 0, util.NewCommonError(api, answer.ErrCode, redact(answer.ErrMsg, s.secret))
	}
	if answer.AccessToken == "" || answer.ExpiresIn <= 0 {
		return "", 0, callError(api, errBadAnswer, "")
	}
	return answer.AccessToken, time.Duration(min(answer.ExpiresIn, 24*3600)) * time.Second, nil
}
