package dianping

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestClassifyGrant(t *testing.T) {
	t.Parallel()
	const spent = Reason("spent") // stands for each call's own
	tests := []struct {
		status         int
		code, sub, msg string
		class          Class
		reason         Reason
	}{
		{200, "OP_UNIAUTH_FAILED", "3", "签名错误", Misconfigured, ""},
		{200, "OP_UNIAUTH_FAILED", "4", "令牌已过期, 请使用 refresh_token 刷新", Reauthorize, spent},
		{200, "OP_UNIAUTH_FAILED", "5", "", Reauthorize, spent},
		{200, "OP_UNIAUTH_FAILED", "19", "", Misconfigured, ""},
		{200, "OP_UNIAUTH_FAILED", "22", "", Reauthorize, spent},
		{200, "OP_UNIAUTH_FAILED", "", "", Misconfigured, ""},
		{200, "608", "", "", Reauthorize, spent},
		{401, "OP_UNIAUTH_FAILED", "5", "", Reauthorize, spent},
		{200, "613", "", "refresh_token已失效", UnknownOutcome, Other},
		{200, "613", "", "refreshToken is invalid", UnknownOutcome, Other},
		{200, "-1", "", "应用授权服务暂不可用，请求已失效", UnknownOutcome, Other},
		{400, "-1", "", "auth_code expired", UnknownOutcome, Other},
		{200, "-1", "", "授权已过期, 请商家重新授权", UnknownOutcome, Other},
		{200, "4711", "", "", UnknownOutcome, Other},
		{200, "1008", "", "", UnknownOutcome, Other},
		{200, "OP_BIZ_ERROR", "", "业务错误", UnknownOutcome, Other},
		{400, "4711", "", "", UnknownOutcome, Other},
		{200, "OP_SYSTEM_PARAM_ERROR", "", "refreshToken无效", Misconfigured, ""},
		{200, "OP_API_GRANT_FAILED", "", "", Misconfigured, ""},
		{200, "OP_LIMITATION_REJECT", "", "", Throttled, ""},
		{200, "OP_UNIAUTH_REMOTE_ERROR", "", "", Unavailable, ""},
		{200, "OP_SYSTEM_ERROR", "", "", UnknownOutcome, ""},
		{200, "OP_TIMEOUT", "", "", UnknownOutcome, ""},
		{429, "4711", "", "", UnknownOutcome, Other},
		{429, "OP_LIMITATION_REJECT", "", "", Throttled, ""},
		{500, "5", "", "refresh_token无效", UnknownOutcome, ""},
		{503, "OP_LIMITATION_REJECT", "", "", UnknownOutcome, ""},
		{404, "0", "", "", UnknownOutcome, ""},
		{302, "5", "", "", UnknownOutcome, ""},
	}
	for _, tt := range tests {
		for call, its := range map[Call]Reason{CallToken: CodeSpent, CallRefresh: RefreshSpent} {
			want := tt.reason
			if want == spent {
				want = its
			}
			for _, platform := range []string{Dianping, Meituan} {
				class, reason := classifyGrant(platform, call, tt.status, answer{code: tt.code, sub: tt.sub, msg: tt.msg})
				if class != tt.class || reason != want {
					t.Errorf("%s %s, http %d, code %s/%s %s: got %q %q, want %q %q",
						platform, call, tt.status, tt.code, tt.sub, tt.msg, string(class), reason, string(tt.class), want)
				}
			}
		}
	}
}

// The second generation's sub-codes may come as the code itself; to the first
// they are nothing known.
func TestSubCodesOnTop(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]Class{"3": Misconfigured, "4": Reauthorize, "5": Reauthorize, "19": Misconfigured, "22": Reauthorize} {
		for call := range map[Call]bool{CallToken: true, CallRefresh: true} {
			if class, _ := classifyGrant(Meituan, call, 200, answer{code: code}); class != want {
				t.Errorf("%s, code %s: got %q, want %q", call, code, string(class), string(want))
			}
			if class, reason := classifyGrant(Dianping, call, 200, answer{code: code}); class != UnknownOutcome || reason != Other {
				t.Errorf("%s, code %s in the first generation: got %q %q", call, code, string(class), reason)
			}
		}
	}
}

// A lost answer is a doubt and never sent twice by the transport.
func TestLostAnswersToGrantCalls(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 301, 400, 401, 403, 404, 429, 500, 502} {
		b := answering(t, status, "<html></html>")
		for name, c := range b.apis(t) {
			for _, call := range []Call{CallToken, CallRefresh} {
				_, err := grantCalls[call](context.Background(), c)
				if e := failure(t, err); e.Class != UnknownOutcome || e.HTTPStatus != status || e.Call != call {
					t.Errorf("%s %s, http %d: got %v", name, call, status, e)
				}
			}
		}
		if len(b.requests) != 4 {
			t.Errorf("http %d: %d requests, want 4", status, len(b.requests))
		}
	}
	c := answering(t, 200, "").dianping(t, func(c *Config) { c.HTTP, c.Timeout = failing(context.DeadlineExceeded), time.Second })
	_, err := c.Refresh(context.Background(), Grant{RefreshToken: testRefresh})
	if e := failure(t, err); e.Class != UnknownOutcome || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("time-out: got %v", e)
	}
}

func TestRepeatableGrantCalls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		call  Call
		class Class
		want  bool
	}{
		{CallRefresh, UnknownOutcome, true},
		{CallRefresh, Unavailable, true},
		{CallRefresh, Throttled, true},
		{CallRefresh, Reauthorize, false},
		{CallRefresh, Refused, false},
		{CallToken, UnknownOutcome, false},
		{CallToken, Unavailable, true},
		{CallToken, Reauthorize, false},
		{CallShops, UnknownOutcome, true},
	}
	for _, tt := range tests {
		if got, why := Repeatable(tt.call, &Error{Call: tt.call, Class: tt.class}); got != tt.want || why == "" {
			t.Errorf("%s after %s: got %v (%s)", tt.call, string(tt.class), got, why)
		}
	}
}
