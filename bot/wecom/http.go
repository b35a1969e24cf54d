package wecom

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/silenceper/wechat/v2/util"
)

const (
	// callTimeout bounds one call to WeCom, body included.
	callTimeout = 5 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 1 << 20
)

// boundClient makes silenceper's process-wide client safe to use, once: it comes
// without a timeout, follows redirects (taking the token in the URL along) and
// reads without limit.
var boundClient = sync.OnceFunc(func() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	util.DefaultHTTPClient = &http.Client{
		Transport: boundTransport{transport},
		Timeout:   callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
})

// boundTransport limits answers, and fails on a status other than 200:
// silenceper would make that an error too, but one with the whole URL in its
// text and without the status.
type boundTransport struct{ next http.RoundTripper }

func (t boundTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, statusError(resp.StatusCode)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// statusError is an HTTP status other than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// errBadAnswer is an answer that is not the JSON that was expected.
var errBadAnswer = errors.New("answer cannot be understood")

// callError describes a failed call of api without its URL, which holds the
// secret, and without any of secrets.
func callError(api string, err error, secrets ...string) error {
	for {
		withURL, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = withURL.Err
	}
	if text := redact(err.Error(), secrets...); text != err.Error() {
		err = redactedError{text, err}
	}
	return fmt.Errorf("wecom: %s: %w", api, err)
}

// redactedError is err with other words. It does not unwrap, so that no log
// prints err by accident, but matches what err matches.
type redactedError struct {
	text string
	err  error
}

func (e redactedError) Error() string        { return e.text }
func (e redactedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e redactedError) As(target any) bool   { return errors.As(e.err, target) }

// minSecret is the length from which something is long enough to be a secret;
// replacing a "1" would only make errors unreadable.
const minSecret = 6

// redact replaces every secret in text, as it is and as it looks in a URL.
func redact(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		text = strings.ReplaceAll(text, s, "[secret]")
		text = strings.ReplaceAll(text, url.QueryEscape(s), "[secret]")
	}
	return text
}
