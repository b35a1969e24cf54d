package wecomtest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// VerifyURL does what saving the callback URL in the console does: a GET with an
// encrypted echostr, to be answered with 200 and the bare text within one second
// (pages 90238, 101033). The error says what is wrong with the answer.
func (w *WeCom) VerifyURL(ctx context.Context, where Where) error {
	w.mu.Lock()
	b, err := w.botOf(where)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	echo := w.number64()
	target, err := w.verifyTarget(b, echo, Knobs{})
	if err != nil {
		return err
	}
	status, body, err := w.get(ctx, target)
	refusal := verdict(status, string(body), echo, err)
	if refusal == nil {
		return nil
	}
	w.mu.Lock()
	w.refused(b, "url verification", refusal)
	w.mu.Unlock()
	return fmt.Errorf("wecomtest: openapi回调地址请求不通过: %s: %s", b, refusal.Text)
}

// VerifyURLWith is VerifyURL with a spoilt request; it returns what came back
// and judges nothing.
func (w *WeCom) VerifyURLWith(ctx context.Context, where Where, echo string, k Knobs) (status int, body []byte, err error) {
	w.mu.Lock()
	b, err := w.botOf(where)
	w.mu.Unlock()
	if err != nil {
		return 0, nil, err
	}
	target, err := w.verifyTarget(b, echo, k)
	if err != nil {
		return 0, nil, err
	}
	return w.get(ctx, target)
}

func (w *WeCom) verifyTarget(b *bot, echo string, k Knobs) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	encrypted, err := w.encrypt(b, []byte(echo), k)
	if err != nil {
		return "", err
	}
	q := w.signed(b, encrypted, k)
	q.Set("echostr", encrypted)
	return withQuery(b.url, q)
}

func (w *WeCom) get(ctx context.Context, target string) (int, []byte, error) {
	ctx, stop := w.within(ctx, w.opt.VerifyTimeout)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("wecomtest: callback: %w", err)
	}
	return w.do(req)
}

// verdict names the usual mistakes.
func verdict(status int, got, want string, err error) *apiError {
	why := "the answer is something else"
	switch {
	case err != nil:
		why = "no answer in time: " + err.Error()
	case status != http.StatusOK:
		why = fmt.Sprintf("status %d instead of 200", status)
	case got == want:
		return nil
	case got == "":
		why = "the answer is empty"
	case strings.HasPrefix(got, "\ufeff"):
		why = "the answer begins with a byte order mark"
	case strings.Trim(got, `"'`) == want:
		why = "the answer is in quotes"
	case strings.TrimSpace(got) == want:
		why = "the answer has space or a line break around it"
	}
	return refusef(0, "%s", why)
}
