package command

import (
	"regexp"
	"slices"
	"strings"
)

// SortOut parts what codes say into voucher codes and the rest, which the platform
// may know or not.
func SortOut(texts []string) (codes, others []string) {
	for _, text := range texts {
		if code, ok := VoucherCode(text); !ok {
			others = append(others, text)
		} else if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes, others
}

var (
	// scheme begins an address, a telephone number, the access to a network …
	scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)
	// domain begins a web address without one.
	domain = regexp.MustCompile(`^(//|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+([/?#:]|$))`)
	// grouped is a number in groups of digits.
	grouped = regexp.MustCompile(`^[0-9][0-9 -]*$`)
	// alone are digits that are no part of something longer, as in an address or in
	// base64.
	alone = regexp.MustCompile(`(?:^|[^0-9A-Za-z@=+/_.&?%#-])([0-9]{8,20})(?:$|[^0-9A-Za-z@=+/_.&?%#-])`)
)

// VoucherCode finds the one voucher code, or link, in what a QR code or barcode says.
func VoucherCode(text string) (string, bool) {
	text = strings.TrimSpace(Normalize(text))
	if IsLink(text) {
		return text, true
	}
	if scheme.MatchString(text) || domain.MatchString(text) {
		return "", false
	}
	if grouped.MatchString(text) {
		items, problem := parseItems(text, VerbQuery)
		if problem != "" || len(items) != 1 {
			return "", false
		}
		return items[0].Code, true
	}
	// Neighbours share what parts them: doubled, each has its own.
	parted := strings.NewReplacer(" ", "  ", "\n", "\n\n", ",", ",,", "，", "，，", ";", ";;").Replace(text)
	found := alone.FindAllStringSubmatch(parted, -1)
	if len(found) != 1 {
		return "", false
	}
	return found[0][1], true
}

// OneCode finds the one voucher code, or link, in what a person types or a scanner that
// is a keyboard.
func OneCode(text string) (string, bool) {
	if len(text) > MaxQR {
		return "", false
	}
	if code, ok := VoucherCode(text); ok {
		return code, true
	}
	if cmd := Parse(text); cmd.Problem == "" && len(cmd.Items) == 1 {
		return cmd.Items[0].Code, true
	}
	// An app shares its link with words around it.
	_, link, after := cutLink(Normalize(text))
	_, other, _ := cutLink(after)
	return link, IsLink(link) && (other == "" || other == link)
}

// Address reports whether a text is a web address.
func Address(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	return domain.MatchString(text) || strings.HasPrefix(text, "http:") || strings.HasPrefix(text, "https:")
}

// MaxQR is the longest text, in bytes, that the platform is asked about.
const MaxQR = 4096

// Plausible reports whether the platform may know a text: it makes QR codes of
// base64 and digits. Addresses, words and whatever else stands in QR codes are not
// sent there.
func Plausible(text string) bool {
	if len(text) < MinCodeLen || len(text) > MaxQR || scheme.MatchString(text) || domain.MatchString(text) || grouped.MatchString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
