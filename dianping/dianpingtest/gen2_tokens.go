package dianpingtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gen2Pair is data of the second generation's answer with tokens.
type gen2Pair struct {
	AccessToken  string `json:"accessToken"`
	ExpireIn     int64  `json:"expireIn"`
	RefreshToken string `json:"refreshToken"`
	Scope        string `json:"scope"`
	OpBizCode    string `json:"opBizCode"`
}

// tokens answers the two calls for tokens: signed, without a token of their
// own, and with the number 0 for success. The caller holds the lock.
func (p gen2) tokens(c *call, now time.Time) (answer any, effect string) {
	business, refused := p.tokenGate(c, c.came)
	if refused != nil {
		return *refused, ""
	}
	var g granted
	if c.name == callRefresh {
		g = authorizer(p).refresh(c.fields["refreshToken"], Meituan, business, now)
	} else {
		g = authorizer(p).exchange(c.fields["code"], "", Meituan, business, now)
	}
	switch g.refused {
	case 0:
	case refreshEnded:
		return p.tokenRefusal(subRevoked, subTexts[subRevoked]), ""
	default:
		return p.tokenRefusal(subUnknown, subTexts[subUnknown]), ""
	}
	return gen2Answer{Code: 0, Msg: "success", TraceID: p.opts.Digits(19), Data: gen2Pair{
		AccessToken: g.Token, ExpireIn: secondsLeft(g.authorization, now), RefreshToken: g.RefreshToken,
		Scope: "all", OpBizCode: g.owner(),
	}}, g.effect
}

// tokenRefusal tells a sub-code of OP_UNIAUTH_FAILED where the knob says.
func (p gen2) tokenRefusal(sub int, words string) gen2Answer {
	if p.knobs.OAuthRefusals == OAuthGateway {
		answer := p.gateway("OP_UNIAUTH_FAILED", 0)
		answer.Data = gen2Detail{sub, words}
		return answer
	}
	return gen2Answer{Code: sub, Msg: words, TraceID: p.opts.Digits(19)}
}

// tokenGate is what comes before the tokens: transport, parameters,
// signature, time, business.
func (p gen2) tokenGate(c *call, now time.Time) (business int, refused *gen2Answer) {
	no := func(code string, detail ...string) (int, *gen2Answer) {
		answer := p.gateway(code, 0)
		if len(detail) > 0 {
			answer.Msg += "：" + strings.Join(detail, " ")
		}
		return 0, &answer
	}
	switch {
	case c.method != http.MethodPost:
		return no("OP_HTTP_UNSUPPORTED_METHOD_TYPE")
	case !c.form:
		return no("OP_HTTP_UNSUPPORTED_CONTENT_TYPE")
	case c.trouble != "":
		return no("OP_SYSTEM_PARAM_ERROR", c.trouble)
	}
	fixed := map[string]string{"grantType": "authorization_code"}
	needed := []string{"developerId", "businessId", "timestamp", "charset", "sign", "code"}
	if c.name == callRefresh {
		fixed = map[string]string{"grantType": "refresh_token", "scope": "all"}
		needed[len(needed)-1] = "refreshToken"
	}
	for _, name := range needed {
		if c.fields[name] == "" {
			return no("OP_SYSTEM_PARAM_ERROR", name)
		}
	}
	for name, want := range fixed {
		if c.fields[name] != want {
			return no("OP_SYSTEM_PARAM_ERROR", name)
		}
	}
	if wrong := p.signed(c.fields, now); wrong != "" {
		if wrong == "sign" {
			answer := p.tokenRefusal(subBadSign, subTexts[subBadSign])
			return 0, &answer
		}
		return no("OP_SYSTEM_PARAM_ERROR", wrong)
	}
	business, _ = strconv.Atoi(c.fields["businessId"])
	if business != businessVouchers && business != businessShopList {
		return no("OP_API_GRANT_FAILED")
	}
	return business, nil
}

// signed checks what everything about tokens has in common, and names the
// parameter that is wrong.
func (p gen2) signed(fields map[string]string, now time.Time) string {
	if !strings.EqualFold(fields["charset"], "utf-8") {
		return "charset"
	}
	if !sameText(fields["developerId"], p.opts.DeveloperID) || !sameText(fields["sign"], signSHA1(p.opts.SignKey, fields)) {
		return "sign"
	}
	seconds, err := strconv.ParseInt(fields["timestamp"], 10, 64)
	if off := now.Sub(time.Unix(seconds, 0)); err != nil || off > clockTolerance || off < -clockTolerance {
		return "timestamp"
	}
	return ""
}

// gen2PoiRow is a row of pageQueryPoiList.
type gen2PoiRow struct {
	OpPoiID  string `json:"opPoiId"`
	Name     string `json:"name"`
	Address  string `json:"address"`
	CityName string `json:"cityName"`
}

type gen2PoiPage struct {
	Total int          `json:"total"`
	List  []gen2PoiRow `json:"poiInfoList"`
}

func (p gen2) pageQueryPoiList(q *gen2Request) (any, *refusal) {
	offset, limit := q.number("offset", 0), q.number("limit", 20)
	if offset < 0 || limit < 1 || limit > maxShops {
		q.fail("参数超出范围", "offset, limit")
	}
	if r := q.malformed(); r != nil {
		return nil, r
	}
	data := gen2PoiPage{Total: len(q.session.Shops), List: []gen2PoiRow{}}
	for _, s := range p.shopPage(q.session.Shops, offset, limit) {
		data.List = append(data.List, gen2PoiRow{s.ID, s.Name + s.Branch, s.Address, s.City})
	}
	return data, nil
}
