package dianping

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// maskMobile hides the middle of a phone number: 138****0000. What the platform
// masked already stays as it is; what is neither is hidden whole.
func maskMobile(text string) string {
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

var (
	longDigits = regexp.MustCompile(`[0-9]{5}`)
	digitRun   = regexp.MustCompile(`[0-9]+`)
	phoneForm  = regexp.MustCompile(`^(86)?1[3-9][0-9]{9}$`)
)

// maskPhones hides the mobile numbers inside a sentence. Voucher codes of ten or
// twelve digits are left alone.
func maskPhones(text string) string {
	return digitRun.ReplaceAllStringFunc(text, func(run string) string {
		if phoneForm.MatchString(run) {
			return maskMobile(run)
		}
		return run
	})
}

// scrubber removes what must not be seen from text that came from outside.
type scrubber struct{ secrets *strings.Replacer }

// newScrubber hides the given values: as they are, as a URL has them, and in
// capitals, as codes are kept.
func newScrubber(values ...string) scrubber {
	var pairs []string
	for _, value := range values {
		if value == "" {
			continue
		}
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value)} {
			pairs = append(pairs, form, "***", strings.ToUpper(form), "***")
		}
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

// code cleans a code. A documented one holds no secret, even where it happens to
// contain a token that short.
func (s scrubber) code(code string) string {
	if _, documented := knownCodes[code]; documented || isSuccess(code) {
		return code
	}
	return s.token(code)
}

// token cleans an id.
func (s scrubber) token(text string) string { return s.clean(text, 64) }

// sentence cleans the platform's words.
func (s scrubber) sentence(text string) string { return s.clean(text, 300) }

// clean leaves no secrets, no phone numbers, one line of a bearable length.
func (s scrubber) clean(text string, max int) string {
	return plain(maskPhones(s.secrets.Replace(text)), max)
}

// cause makes an error fit to be kept below an [Error]. net/http wraps failures
// in *url.Error with the whole address, which in a GET holds the session.
func (s scrubber) cause(err error) error {
	var wrapped *url.Error
	for errors.As(err, &wrapped) && wrapped.Err != nil {
		err = wrapped.Err
	}
	if text := err.Error(); text != s.sentence(text) {
		return errors.New(s.sentence(text)) // the rest of the chain would tell
	}
	return err
}

// plain replaces control characters by spaces, leaves out marks of direction, and cuts
// after max characters.
func plain(text string, max int) string {
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
