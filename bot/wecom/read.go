package wecom

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"yanquan/bot"
)

// ErrNobody marks a callback of WeCom's that does not say, or not for certain, who
// has done something. Nothing is done in its name. Answer 200, for a repeat
// would say no more, and let the operator know.
var ErrNobody = errors.New("wecom: nobody to answer")

// readable reports whether a character is text: what XML allows (XML 1.0, section
// 2.2), and not what stands for bytes that are no character.
func readable(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return true
	case r == utf8.RuneError:
		return false
	}
	return r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// clean leaves out what is no text: half an emoji, or what a keyboard's scanner adds.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if readable(r) {
			return r
		}
		return -1
	}, s)
}

// maxUserID is the length of a userid in bytes (page 90195).
const maxUserID = 64

// isUserID reports whether a text can be the id of a person. What was spoilt on the
// way is not mended: it might become another person's.
func isUserID(s string) bool {
	bad := func(r rune) bool { return isSpace(r) || !readable(r) || r == '|' } // which parts receivers
	return s != "" && len(s) <= maxUserID && !strings.ContainsFunc(s, bad)
}

// elsewhere is the id of a person of another corp. It is no user's here: a userid has
// no slash.
func elsewhere(corpID, userID string) string {
	id := strings.ToLower(corpID + "/" + userID)
	if !isUserID(id) {
		sum := sha256.Sum256([]byte(id))
		id = "elsewhere/" + hex.EncodeToString(sum[:16])
	}
	return id
}

// sender fills in who has sent a message.
func sender(m *bot.Message, userID string) {
	m.User, m.SentAs = strings.ToLower(userID), unfolded(userID)
}

// madeID is the id of what has none, or none that is certain: the same for a repeat,
// which has the same mark and the same content.
func madeID(mark string, plain []byte) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d:%s", len(mark), mark)
	_, _ = h.Write(plain)
	return "h" + hex.EncodeToString(h.Sum(nil)[:16])
}

// timeNear is a time that a callback tells, in seconds. One that cannot be, or is
// far from when WeCom signed the callback, is replaced by that.
func timeNear(s string, signedAt time.Time) time.Time {
	at, err := parseSeconds(s)
	if err != nil || at.Sub(signedAt).Abs() > DefaultMaxAge {
		return signedAt
	}
	return at
}

// Reasons to leave out what a message says, as the word for its kind.
const (
	cutShort = "text"    // it is known who, but not all that was said
	nowhere  = "nowhere" // it is not known where
)

// notRead makes of a message one that says nothing but where to answer.
func notRead(m *bot.Message, why string) {
	m.Kind, m.Text, m.Quote, m.Pictures, m.Scanned = bot.Other, why, "", nil, nil
}
