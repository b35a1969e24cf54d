package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"yanquan/bot/hooks"
)

const testHook = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestHooks(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, `secret_key: `+testKey+`
hooks:
  - {url: "https://POS.example.com:8443/hook/s3cret-path?key=1", secret: `+testHook+`}
  - {name: till, url: "http://till.lan/hook", secret: `+testHook+`, secrets: [whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD], events: [redeemed], allow_private: [Till.lan]}
  - {name: own, url: "https://10.0.0.7/hook", secret: `+testHook+`, allow_private: [10.0.0.7]}
`, nil)
	pos, till, own := cfg.Hooks[0], cfg.Hooks[1], cfg.Hooks[2]
	if pos.Name != "pos.example.com" || !slices.Equal(pos.Events, hooks.Kinds) || pos.Private() {
		t.Errorf("%+v", pos)
	}
	if till.Name != "till" || !slices.Equal(till.Events, []string{"redeemed"}) || !till.Private() || !own.Private() {
		t.Errorf("%+v %+v", till, own)
	}
	if text := cfg.Redacted(); strings.Contains(text, "whsec_") || strings.Contains(text, "s3cret-path") {
		t.Errorf("shows a secret:\n%s", text)
	}
	for _, secret := range []string{testHook, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", pos.URL} {
		if !slices.Contains(cfg.Secrets(), secret) {
			t.Errorf("the log would show %s", secret)
		}
	}
}

func TestHookMistakes(t *testing.T) {
	t.Parallel()
	const inside = "is inside the network: name its host in allow_private if it is meant so"
	for hook, want := range map[string]string{
		`secret: ` + testHook:                                     "hooks[0].url: is missing",
		`url: "https://a.example.com/x"`:                          "hooks[0].secret: is missing",
		`url: "https://a.example.com/x", secret: abc`:             "hooks[0].secret: must be whsec_",
		`url: "https://a.example.com/x", secret: whsec_c2hvcnQ=`:  "hooks[0].secret: must be whsec_",
		`url: "ftp://a.example.com/x", secret: ` + testHook:       "hooks[0].url: must be an address",
		`url: "https://u:p@a.example.com", secret: ` + testHook:   "hooks[0].url: must be an address",
		`url: "http://a.example.com/x", secret: ` + testHook:      "hooks[0].url: what happened would cross the network in the clear",
		`url: "https://127.0.0.1/x", secret: ` + testHook:         "hooks[0].url: " + inside,
		`url: "https://169.254.169.254/x", secret: ` + testHook:   "hooks[0].url: " + inside,
		`url: "https://[::ffff:10.0.0.1]/x", secret: ` + testHook: "hooks[0].url: " + inside,
		`url: "https://[fd00::1]/x", secret: ` + testHook:         "hooks[0].url: " + inside,
		`url: "https://100.64.0.1/x", secret: ` + testHook:        "hooks[0].url: " + inside,
		`url: "https://[2400:3200::1]/x", secret: ` + testHook:    "hooks[0].name: must be 1 to 64",

		`url: "https://a.example.com/x", allow_private: [b.example.com], secret: ` + testHook:                             "hooks[0].allow_private[0]: is not the host",
		`url: "https://a.example.com/x", events: [redeem], secret: ` + testHook:                                           "hooks[0].events[0]: must be redeemed or undone",
		`url: "https://a.example.com/x", secrets: [` + testHook + `], secret: ` + testHook:                                "hooks[0].secrets[0]: is the same as hooks[0].secret",
		`url: "https://a.example.com/x", secret: ` + testHook + `}, {url: "https://a.example.com/y", secret: ` + testHook: "hooks[1].name: is the same as that of hooks[0]",
		`url: "https://a.example.com/x", secrets: [""], secret: ` + testHook:                                              "hooks[0].secrets[0]: must be whsec_",
		`url: "https://a.example.com/x", name: "a b", secret: ` + testHook:                                                "hooks[0].name: must be 1 to 64",
	} {
		_, err := load(t, fmt.Sprintf("secret_key: %s\nhooks: [{%s}]\n", testKey, hook), nil)
		problems, ok := errors.AsType[*Problems](err)
		if !ok || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v, want %s", hook, err, want)
			continue
		}
		for _, secret := range []string{"whsec_M", "a.example.com/x"} {
			if strings.Contains(problems.Error(), secret) {
				t.Errorf("%s: tells %s", hook, problems)
			}
		}
	}
}
