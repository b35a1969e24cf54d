package scrub

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
)

func TestMobile(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                 "",
		"13812340000":      "138****0000",
		" 138 1234 0000 ":  "138****0000",
		"+86 138-12340000": "138****0000",
		"8613812340000":    "138****0000",
		"138****0000":      "138****0000",
		"1381234*000":      "****00",
		"13812340000*":     "138****0000",
		"65666666":         "****66",
		"12345":            "****",
		"none":             "****",
	}
	for text, want := range tests {
		if got := Mobile(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"用户13812340000的券7992697494": "用户138****0000的券7992697494",
		"8613812340000":             "138****0000",
		"123456789012":              "123456789012",
	} {
		if got := Phones(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	if got := Plain(" a\x00b\nc\u0085 ", 10); got != "a b c" {
		t.Errorf("got %q", got)
	}
	if got := Plain(strings.Repeat("券", 301), 300); got != strings.Repeat("券", 300)+"…" {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestScrubber(t *testing.T) {
	t.Parallel()
	const secret = "aB/c+d="
	s := New(secret, "abc", "")
	for _, form := range []string{secret, strings.ToUpper(secret), url.QueryEscape(secret), url.PathEscape(secret)} {
		if got := s.Sentence("x " + form + " y"); got != "x *** y" {
			t.Errorf("%q is told as %q", form, got)
		}
	}
	if got := s.Sentence("abc 13812340000\n"); got != "abc 138****0000" { // three bytes tell nothing
		t.Errorf("got %q", got)
	}
	if got := s.ID(strings.Repeat("x", 65)); got != strings.Repeat("x", 64)+"…" {
		t.Errorf("got %q", got)
	}
	if got := s.Cause(&url.Error{Op: "Get", URL: "https://h/?s=" + secret, Err: io.EOF}); got != io.EOF {
		t.Errorf("got %v", got)
	}
	if got := s.Cause(fmt.Errorf("proxy said %s: %w", secret, io.EOF)); errors.Is(got, io.EOF) || got.Error() != "proxy said ***: EOF" {
		t.Errorf("got %v", got)
	}
}
