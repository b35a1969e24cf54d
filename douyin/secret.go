package douyin

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"unicode"
)

// Secret is text that stands for money or for access: an access token, a verify
// token, an encrypted code. However it is printed, logged or marshalled, it does
// not show; string(s) is the text.
type Secret string

const hidden = "***"

func (s Secret) String() string               { return hidden }
func (s Secret) GoString() string             { return hidden }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText refuses what was marshalled without being made a string first.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == hidden {
		return errors.New("douyin: the secret was hidden when it was marshalled")
	}
	*s = Secret(text)
	return nil
}

// scrubber removes what must not be seen from text that came from outside.
type scrubber struct{ secrets *strings.Replacer }

// newScrubber hides the given values, as they are and as a URL has them.
func newScrubber(values []Secret) scrubber {
	var pairs []string
	for _, value := range values {
		if len(value) < 4 { // would spoil every text and tells nothing
			continue
		}
		text := string(value)
		for _, form := range []string{text, url.QueryEscape(text), url.PathEscape(text)} {
			pairs = append(pairs, form, hidden)
		}
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

// clean leaves no secrets, and one line of a bearable length.
func (s scrubber) clean(text string, max int) string { return plain(s.secrets.Replace(text), max) }

func (s scrubber) id(text string) string       { return s.clean(text, 64) }
func (s scrubber) sentence(text string) string { return s.clean(text, 300) }

// cause makes an error fit to be kept below an [Error]. net/http wraps failures
// in *url.Error with the whole address, which holds the code of a prepare.
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

// plain replaces control characters by spaces, leaves out marks of direction, and
// cuts after max characters.
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
