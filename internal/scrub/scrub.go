// Package scrub removes what must not be seen from text that came from outside:
// secrets, phone numbers, and what would spoil a line.
package scrub

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Hidden stands where something was removed.
const Hidden = "***"

// Scrubber hides the secrets of one call.
type Scrubber struct{ secrets *strings.Replacer }

// New hides the given values: as they are, as a URL has them, and in capitals, as
// codes are kept. One of less than four bytes would spoil every text and tells nothing.
func New(values ...string) Scrubber {
	var pairs []string
	for _, value := range values {
		if len(value) < 4 {
			continue
		}
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value)} {
			pairs = append(pairs, form, Hidden, strings.ToUpper(form), Hidden)
		}
	}
	return Scrubber{strings.NewReplacer(pairs...)}
}

// ID cleans an id or a code.
func (s Scrubber) ID(text string) string { return s.clean(text, 64) }

// Sentence cleans the platform's words.
func (s Scrubber) Sentence(text string) string { return s.clean(text, 300) }

// clean leaves no secrets, no phone numbers, one line of a bearable length.
func (s Scrubber) clean(text string, max int) string {
	return Plain(Phones(s.secrets.Replace(text)), max)
}

// Cause makes an error fit to be kept below a client's own. net/http wraps failures
// in *url.Error with the whole address, which in a GET holds secrets.
func (s Scrubber) Cause(err error) error {
	var wrapped *url.Error
	for errors.As(err, &wrapped) && wrapped.Err != nil {
		err = wrapped.Err
	}
	if text := err.Error(); text != s.Sentence(text) {
		return errors.New(s.Sentence(text)) // the rest of the chain would tell
	}
	return err
}

// Plain replaces control characters by spaces, leaves out marks of direction, and
// cuts after max characters.
func Plain(text string, max int) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text))
	if runes := []rune(text); len(runes) > max {
		return string(runes[:max]) + "…"
	}
	return text
}

var (
	longDigits = regexp.MustCompile(`[0-9]{5}`)
	digitRun   = regexp.MustCompile(`[0-9]+`)
	phoneForm  = regexp.MustCompile(`^(86)?1[3-9][0-9]{9}$`)
)

// Mobile hides the middle of a phone number: 138****0000. What is masked already
// stays as it is; what is neither is hidden whole.
func Mobile(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if strings.Contains(text, "*") && !longDigits.MatchString(text) {
		return text
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	if len(digits) == 13 && strings.HasPrefix(digits, "86") {
		digits = digits[2:]
	}
	if len(digits) >= 11 {
		return digits[:3] + "****" + digits[len(digits)-4:]
	}
	if len(digits) >= 7 { // a landline
		return "****" + digits[len(digits)-2:]
	}
	return "****"
}

// Phones hides the mobile numbers inside a sentence. Voucher codes of ten or twelve
// digits are left alone.
func Phones(text string) string {
	return digitRun.ReplaceAllStringFunc(text, func(run string) string {
		if phoneForm.MatchString(run) {
			return Mobile(run)
		}
		return run
	})
}
