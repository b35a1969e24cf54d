package wecom

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"yanquan/bot"
)

const apiVisitor = "auth/getuserinfo" // page 91023

// codeBadVisitor refuses a code that is unknown, used or older than five minutes.
const codeBadVisitor = 40029

// AuthorizeURL is where a browser goes so that it comes back to the address back
// with a code for [Sender.Visitor] and the state: inside WeCom's own browser the
// silent authorization of page 91022, elsewhere the login page of page 98152, to
// be scanned with the phone. It is empty where there is no app. The host of back
// must be entered with the first app, as 可信域名 and 授权回调域. A state is up to
// 128 letters and digits.
func (s *Sender) AuthorizeURL(back, state string, inWeCom bool) string {
	if s.first == nil {
		return ""
	}
	query := url.Values{
		"appid": {s.first.tokens.corpID}, "agentid": {strconv.FormatInt(s.first.agentID, 10)},
		"redirect_uri": {back}, "state": {state},
	}
	if !inWeCom {
		query.Set("login_type", "CorpApp")
		return "https://login.work.weixin.qq.com/wwlogin/sso/login?" + query.Encode()
	}
	query.Set("response_type", "code")
	query.Set("scope", "snsapi_base")
	return "https://open.weixin.qq.com/connect/oauth2/authorize?" + query.Encode() + "#wechat_redirect"
}

// Visitor asks WeCom, as the first app, whose userid a code stands for. It is
// empty for who is no member of the corp. A code that does not hold is
// [bot.ErrSignInOver].
func (s *Sender) Visitor(ctx context.Context, code string) (userID string, err error) {
	if s.first == nil || code == "" || len(code) > 512 {
		return "", bot.ErrSignInOver
	}
	var visitor struct {
		UserID string `json:"userid"` // or UserId, which is the same here
	}
	err = s.ask(ctx, s.first, apiVisitor, url.Values{"code": {code}}, nil, &visitor)
	if apiCode(err) == codeBadVisitor {
		return "", fmt.Errorf("%w: %w", bot.ErrSignInOver, err)
	}
	return visitor.UserID, err
}
