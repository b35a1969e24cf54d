package wecom

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanquan/bot"
)

const (
	apiDownload = "media/get" // page 90254
	robotMedia  = "picture"   // of a robot: a URL in the message, no API (page 100719)
)

const (
	// fetchTimeout bounds one download, body included.
	fetchTimeout = 4 * time.Second
	// maxFetched bounds what is read of a picture, in bytes.
	maxFetched = 10 << 20
)

// errMediaKey: the content is not what the key has encrypted.
var errMediaKey = errors.New("content does not fit its key")

// newFetcher makes the client for pictures: unlike the one for calls it reads more
// than JSON, and gives any status to the caller. It follows no redirects: the token,
// and we, stay where we were sent.
func newFetcher() *http.Client {
	return &http.Client{
		Transport: http.DefaultTransport.(*http.Transport).Clone(),
		Timeout:   fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Fetch implements [bot.Pictures]: by media id with the token of the app that got
// the message, or by URL, decrypted. No error holds the URL, which is as good as
// the picture.
func (s *Sender) Fetch(ctx context.Context, channel string, p bot.Picture) ([]byte, error) {
	switch kindOf(channel) {
	case AppChannel:
		if app := s.apps[channel]; app != nil {
			return s.fetchMedia(ctx, app, p.MediaID)
		}
	case RobotChannel, SocketChannel: // over a long connection each URL has a key of its own
		return s.fetchURL(ctx, p, s.mediaKeys[channel])
	}
	return nil, fmt.Errorf("wecom: picture: channel %q is not configured", channel)
}

// fetchMedia answers media/get with the content, or with JSON that says why not.
func (s *Sender) fetchMedia(ctx context.Context, app *sendingApp, id string) (data []byte, err error) {
	err = app.withToken(ctx, func(token string) error {
		var status int
		target := s.target(apiDownload, token, url.Values{"media_id": {id}})
		data, status, err = s.download(ctx, apiDownload, target, token, app.secret)
		if err != nil {
			return err
		}
		if len(data) > 0 && data[0] == '{' { // no picture begins so
			if err := readCode(apiDownload, data, token, app.secret); err != nil {
				return err
			}
			return callError(apiDownload, errBadAnswer)
		}
		if status != http.StatusOK {
			return callError(apiDownload, statusError(status))
		}
		return nil
	})
	switch {
	case apiCode(err) == codeNoMedia:
		return nil, fmt.Errorf("%w: %w", bot.ErrPictureGone, err)
	case err != nil:
		return nil, err
	}
	return data, nil
}

// fetchURL gets a robot's picture: it can be had for five minutes (page 100719),
// after which the store it lies in refuses.
func (s *Sender) fetchURL(ctx context.Context, p bot.Picture, robotKey string) ([]byte, error) {
	target, ok := s.safeURL(p.URL)
	if !ok {
		return nil, callError(robotMedia, errors.New("not an https URL"))
	}
	data, status, err := s.download(ctx, robotMedia, p.URL, replySecrets(target)...)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return nil, callError(robotMedia, statusError(status))
	case 400 <= status && status < 500:
		return nil, fmt.Errorf("%w: %w", bot.ErrPictureGone, callError(robotMedia, statusError(status)))
	case status != http.StatusOK:
		return nil, callError(robotMedia, statusError(status))
	}
	for _, key := range []string{p.Key, robotKey} { // its own, where it has one
		if plain, ok := openMedia(key, data); ok {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", bot.ErrPictureUnreadable, callError(robotMedia, errMediaKey))
}

// safeURL reads an address that WeCom has given: https, but in a test set-up.
func (s *Sender) safeURL(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, false
	}
	return u, u.Scheme == "https" || u.Scheme == "http" && strings.HasPrefix(s.apiURL, "http:")
}

// download gets what is at a URL, and the status.
func (s *Sender) download(ctx context.Context, api, target string, secrets ...string) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, 0, callError(api, err, secrets...)
	}
	resp, err := s.fetcher.Do(req)
	if err != nil {
		return nil, 0, callError(api, err, secrets...)
	}
	defer resp.Body.Close()
	if resp.ContentLength > maxFetched+padBlock {
		return nil, 0, fmt.Errorf("%w: %s: %d bytes", bot.ErrPictureTooLarge, api, resp.ContentLength)
	}
	var body bytes.Buffer
	body.Grow(int(max(resp.ContentLength, 0)) + bytes.MinRead) // or it would be copied as it grows
	if _, err := body.ReadFrom(io.LimitReader(resp.Body, maxFetched+padBlock+1)); err != nil {
		return nil, 0, callError(api, err, secrets...)
	}
	data := body.Bytes()
	if len(data) > maxFetched+padBlock {
		return nil, 0, fmt.Errorf("%w: %s", bot.ErrPictureTooLarge, api)
	}
	return data, resp.StatusCode, nil
}

// openMedia decrypts a robot's file: AES-256-CBC, the IV is the beginning of the
// key, padded by PKCS#7 to blocks of 32, no frame (page 100719). False: not with
// this key. The content replaces the ciphertext only where it is true.
func openMedia(encoded string, encrypted []byte) ([]byte, bool) {
	// As lenient as for callbacks: with or without the "=", stray low bits.
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(encoded), "="))
	if err != nil || len(key) != 32 || len(encrypted) == 0 || len(encrypted)%aes.BlockSize != 0 {
		return nil, false
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false
	}
	plain := make([]byte, len(encrypted))
	cipher.NewCBCDecrypter(block, key[:aes.BlockSize]).CryptBlocks(plain, encrypted)
	return unpad(plain)
}

// unpad takes the padding off; every byte of it must be right.
func unpad(raw []byte) ([]byte, bool) {
	pad := int(raw[len(raw)-1])
	if pad < 1 || pad > padBlock || pad > len(raw) {
		return nil, false
	}
	for _, b := range raw[len(raw)-pad:] {
		if int(b) != pad {
			return nil, false
		}
	}
	return raw[:len(raw)-pad], true
}
