package server

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Purpose says what a link is good for; a link for one is refused for another.
type Purpose string

const (
	ToVoucher   Purpose = "voucher"   // opens the page of one verification
	ToAuthorize Purpose = "authorize" // opens the page that leads to a platform's authorisation
	ToFile      Purpose = "file"      // opens the page of one file
	ToDownload  Purpose = "download"  // opens its content
)

// VoucherLinkLife is how long the link in a card opens its page.
const VoucherLinkLife = 30 * 24 * time.Hour

var (
	// ErrBadLink is a token that this server did not make, or not for this purpose.
	ErrBadLink = errors.New("server: bad link")
	// ErrLinkExpired is a token that was good once.
	ErrLinkExpired = errors.New("server: link expired")
)

// Links makes and opens signed, expiring tokens for URLs. A token is
//
//	base64url( expiry (8 bytes, Unix seconds) ‖ subject ‖ HMAC-SHA256(purpose key, expiry ‖ subject) )
//
// with a key for each purpose, so that nothing can be carried from one to
// another, and nothing but the secret key is needed to check one.
type Links struct {
	secrets [][]byte // the first signs
	now     func() time.Time
}

// NewLinks derives everything from the configured secret key. Links that were
// signed with an old key still open.
func NewLinks(secret []byte, now func() time.Time, old ...[]byte) (*Links, error) {
	secrets := append([][]byte{secret}, old...)
	for _, s := range secrets {
		if len(s) < 32 {
			return nil, fmt.Errorf("server: links need a secret of 32 bytes, not %d", len(s))
		}
	}
	return &Links{secrets: secrets, now: now}, nil
}

// Sign makes a token for a subject that is good for so long.
func (l *Links) Sign(p Purpose, subject string, life time.Duration) (string, error) {
	raw := binary.BigEndian.AppendUint64(nil, uint64(l.now().Add(life).Unix()))
	raw = append(raw, subject...)
	mac, err := mac(l.secrets[0], p, raw)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(raw, mac...)), nil
}

// Open gives back the subject. The errors are [ErrBadLink] and [ErrLinkExpired].
func (l *Links) Open(p Purpose, token string) (string, error) {
	// Strict, and no line breaks, which the decoder skips: a token has one spelling only.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 8+sha256.Size || strings.ContainsAny(token, "\r\n") {
		return "", ErrBadLink
	}
	body, given := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	ours := false
	for _, secret := range l.secrets {
		mac, err := mac(secret, p, body)
		if err != nil {
			return "", err
		}
		ours = ours || hmac.Equal(mac, given)
	}
	if !ours {
		return "", ErrBadLink
	}
	if uint64(l.now().Unix()) >= binary.BigEndian.Uint64(body) {
		return "", ErrLinkExpired
	}
	return string(body[8:]), nil
}

func mac(secret []byte, p Purpose, body []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "yanquan link "+string(p), sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("server: link key: %w", err)
	}
	h := hmac.New(sha256.New, key)
	h.Write(body)
	return h.Sum(nil), nil
}
