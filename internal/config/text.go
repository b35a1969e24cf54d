package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	errUTF16   = errors.New("this is UTF-16 text: save the file as UTF-8")
	errNotUTF8 = errors.New("this is not UTF-8 text (GBK?): save the file as UTF-8, in Windows' Notepad by Save As → Encoding")
)

// utf8Text is the content of a file without the mark that Windows' editors put before
// it. An error is about a line, from 1, and shows nothing of it.
func utf8Text(raw []byte) (text string, line int, err error) {
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		return "", 1, errUTF16
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if at := bytes.IndexByte(raw, 0); at >= 0 && at < 2 { // "s\x00e\x00…", without the mark
		return "", 1, errUTF16
	}
	for at := 0; at < len(raw); {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			return "", 1 + bytes.Count(raw[:at], []byte("\n")), errNotUTF8
		}
		at += size
	}
	return string(raw), 0, nil
}

// trimLineEnds takes off what editors and shells put behind the last line.
func trimLineEnds(value string) string { return strings.TrimRight(value, "\r\n") }

// unclean says what a value must not hold, and nothing of the value, which may be a
// secret. Such characters come with copying, cannot be seen, and what is compared or
// signed with them is another value.
func unclean(value string) error {
	if !utf8.ValidString(value) {
		return errors.New("is not UTF-8 text")
	}
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return errors.New("has white space around it: take it off")
	}
	for _, r := range value {
		const joiner = '\u200d' // within an emoji
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != joiner {
			return fmt.Errorf("holds the character %U, which cannot be seen: take it out", r)
		}
	}
	return nil
}
