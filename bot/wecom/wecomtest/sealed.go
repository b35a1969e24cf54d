package wecomtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// SealedRequest is a callback as it goes over the wire.
type SealedRequest struct {
	URL         string     `json:"url"`   // without the query
	Query       url.Values `json:"query"` // msg_signature, timestamp, nonce
	Body        []byte     `json:"body"`
	ContentType string     `json:"content_type"`
}

// HTTP makes the POST request.
func (s SealedRequest) HTTP(ctx context.Context) (*http.Request, error) {
	target, err := withQuery(s.URL, s.Query)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(s.Body))
	if err != nil {
		return nil, fmt.Errorf("wecomtest: callback: %w", err)
	}
	req.Header.Set("Content-Type", s.ContentType)
	return req, nil
}

// withQuery adds parameters to a URL that may have some already.
func withQuery(base string, q url.Values) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return "", errors.New("wecomtest: the callback URL is missing or malformed")
	}
	all := u.Query()
	for k, v := range q {
		all[k] = v
	}
	u.RawQuery = all.Encode()
	return u.String(), nil
}

// Knobs spoil a sealed request. The zero value spoils nothing.
type Knobs struct {
	Time           time.Time `json:"time,omitzero"`             // the timestamp; default now
	Nonce          string    `json:"nonce,omitempty"`           // default random
	ReceiveID      *string   `json:"receive_id,omitempty"`      // a foreign receiveid
	WrongSignature bool      `json:"wrong_signature,omitempty"` // one character changed
	WrongToken     bool      `json:"wrong_token,omitempty"`     // signed with another token
	BrokenPadding  bool      `json:"broken_padding,omitempty"`  // the last pad byte says 33
	UnevenPadding  bool      `json:"uneven_padding,omitempty"`  // the pad bytes differ from each other
	LongLength     bool      `json:"long_length,omitempty"`     // the length goes beyond the end
	Truncate       int       `json:"truncate,omitempty"`        // bytes cut off the end of the ciphertext
	NotBase64      bool      `json:"not_base64,omitempty"`
}

// EncryptApp seals a plaintext for an app, in the XML envelope (page 90238).
func (w *WeCom) EncryptApp(app string, plaintext []byte, k Knobs) (SealedRequest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.botOf(Where{App: app})
	if err != nil {
		return SealedRequest{}, err
	}
	return w.seal(b, plaintext, k)
}

// EncryptRobot seals a plaintext for a robot, in the JSON envelope (page 101033).
func (w *WeCom) EncryptRobot(robot string, plaintext []byte, k Knobs) (SealedRequest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.botOf(Where{Robot: robot})
	if err != nil {
		return SealedRequest{}, err
	}
	return w.seal(b, plaintext, k)
}

// Post sends a sealed request once and tells what came back. Nothing of the
// answer is shown on any screen.
func (w *WeCom) Post(ctx context.Context, s SealedRequest) (status int, body []byte, err error) {
	ctx, stop := w.within(ctx, w.opt.CallbackTimeout)
	defer stop()
	req, err := s.HTTP(ctx)
	if err != nil {
		return 0, nil, err
	}
	return w.do(req)
}

func (w *WeCom) do(req *http.Request) (int, []byte, error) {
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("wecomtest: callback: %w", withoutQuery(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return resp.StatusCode, nil, fmt.Errorf("wecomtest: answer of the callback: %w", err)
	}
	return resp.StatusCode, body, nil
}

// withoutQuery drops the URL from an error of net/http: it carries the signature.
func withoutQuery(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// callbackClient follows no redirect: anything but 200 is a failure.
func callbackClient(given *http.Client) *http.Client {
	c := &http.Client{}
	if given != nil {
		*c = *given
	} else {
		c.Transport = &http.Transport{MaxIdleConnsPerHost: 64} // one of its own, so that Close can empty it
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// within derives a context that also ends with the fake. A zero d means no time limit.
func (w *WeCom) within(ctx context.Context, d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(w.ctx, cancel)
	stop := func() { unhook(); cancel() }
	if d <= 0 {
		return ctx, stop
	}
	ctx, cancelTimeout := context.WithTimeout(ctx, d)
	return ctx, func() { cancelTimeout(); stop() }
}

// seal encrypts and signs. Callers hold mu.
func (w *WeCom) seal(b *bot, plaintext []byte, k Knobs) (SealedRequest, error) {
	encrypted, err := w.encrypt(b, plaintext, k)
	if err != nil {
		return SealedRequest{}, err
	}
	q := w.signed(b, encrypted, k)
	if b.isApp() {
		x := newXML().put("ToUserName", b.receiveID).put("Encrypt", encrypted).put("AgentID", strconv.Itoa(b.app.AgentID))
		return SealedRequest{URL: b.url, Query: q, Body: x.bytes(), ContentType: "text/xml"}, nil
	}
	body, err := json.Marshal(map[string]string{"encrypt": encrypted})
	if err != nil {
		return SealedRequest{}, fmt.Errorf("wecomtest: envelope: %w", err)
	}
	return SealedRequest{URL: b.url, Query: q, Body: body, ContentType: "application/json"}, nil
}

func (w *WeCom) signed(b *bot, encrypted string, k Knobs) url.Values {
	at := k.Time
	if at.IsZero() {
		at = w.opt.Now()
	}
	timestamp, nonce := strconv.FormatInt(at.Unix(), 10), k.Nonce
	if nonce == "" {
		nonce = w.newID(10)
	}
	token := b.token
	if k.WrongToken {
		token += "x"
	}
	sig := signature(token, timestamp, nonce, encrypted)
	if k.WrongSignature {
		last := byte('0')
		if sig[len(sig)-1] == last {
			last = '1'
		}
		sig = sig[:len(sig)-1] + string(last)
	}
	return url.Values{"msg_signature": {sig}, "timestamp": {timestamp}, "nonce": {nonce}}
}

func (w *WeCom) encrypt(b *bot, plaintext []byte, k Knobs) (string, error) {
	if b.long() {
		return "", fmt.Errorf("%w: %s has a long connection, whose frames are not encrypted", ErrNotThere, b)
	}
	if b.keyErr != nil {
		return "", fmt.Errorf("%s: %w", b, b.keyErr)
	}
	receiveID := b.receiveID
	if k.ReceiveID != nil {
		receiveID = *k.ReceiveID
	}
	if k.UnevenPadding && (20+len(plaintext)+len(receiveID))%padBlock == padBlock-1 {
		// A single pad byte has no other to differ from; a space does no harm to XML or JSON.
		plaintext = append(slices.Clone(plaintext), ' ')
	}
	plain := frame(w.random(16), plaintext, receiveID)
	if k.LongLength {
		binary.BigEndian.PutUint32(plain[16:20], uint32(len(plain)))
	}
	plain = pad(plain)
	if k.UnevenPadding {
		plain[len(plain)-2] ^= 1
	}
	if k.BrokenPadding {
		plain[len(plain)-1] = padBlock + 1
	}
	raw, err := cbcEncrypt(b.key, plain)
	if err != nil {
		return "", err
	}
	if k.Truncate > 0 {
		raw = raw[:max(0, len(raw)-k.Truncate)]
	}
	if k.NotBase64 {
		return "%%" + base64.StdEncoding.EncodeToString(raw), nil
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}
