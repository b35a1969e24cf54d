package command

import (
	"regexp"
	"strings"
	"unicode"
)

// A customer's QR code of Douyin holds a short link, which stands for the voucher wherever
// a code does. It is known by its path alone: what follows it changes nothing.

// MaxLinkLen is the longest link, in its one form, that can be kept as a code.
const MaxLinkLen = 64

const linkPrefix = "https://v.douyin.com/"

var (
	// linkWritten is a link as people and scanners write it: with or without its scheme, a
	// slash at the end, and whatever follows the path.
	linkWritten = regexp.MustCompile(`(?i:\b(?:https?://)?v\.douyin\.com/)([A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)/?(?:[?#][!-~]*)?`)
	// linkForm is a link in its one form.
	linkForm = regexp.MustCompile(`https://v\.douyin\.com/[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*`)
)

// IsLink reports whether a code is a link, in its one form.
func IsLink(code string) bool {
	return len(code) <= MaxLinkLen && strings.HasPrefix(code, linkPrefix) && linkForm.FindString(code) == code
}

// lower folds the case of a text, but for links, which it brings into their one form.
func lower(s string) string {
	if !strings.Contains(s, ".") {
		return strings.Map(unicode.ToLower, s)
	}
	var out strings.Builder
	end := 0
	for _, at := range linkWritten.FindAllStringSubmatchIndex(s, -1) {
		out.WriteString(strings.Map(unicode.ToLower, s[end:at[0]]) + linkPrefix + s[at[2]:at[3]])
		end = at[1]
	}
	out.WriteString(strings.Map(unicode.ToLower, s[end:]))
	return out.String()
}

// cutLink parts a text at its first link; "": there is none.
func cutLink(s string) (before, link, after string) {
	at := linkForm.FindStringIndex(s)
	if at == nil {
		return s, "", ""
	}
	return s[:at[0]], s[at[0]:at[1]], s[at[1]:]
}

// platformOf is the platform of a code: that which a link says, else the one named.
func platformOf(code string, named Platform) Platform {
	if strings.HasPrefix(code, linkPrefix) {
		return OnDouyin
	}
	return named
}
