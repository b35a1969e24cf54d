package bot

import (
	"regexp"
	"slices"
	"strings"
)

// sortOut parts what codes say into voucher codes and the rest, which the platform
// may know or not.
func sortOut(texts []string) (codes, others []string) {
	for _, text := range texts {
		if code, ok := voucherCode(text); !ok {
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

// voucherCode finds the one voucher code in what a QR code or barcode says.
func voucherCode(text string) (string, bool) {
	text = strings.TrimSpace(normalize(text))
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

// maxQR is the longest text, in bytes, that the platform is asked about.
const maxQR = 4096

// plausible reports whether the platform may know a text: it makes QR codes of
// base64 and digits. Addresses, words and whatever else stands in QR codes are not
// sent there.
func plausible(text string) bool {
	if len(text) < MinCodeLen || len(text) > maxQR || scheme.MatchString(text) || domain.MatchString(text) || grouped.MatchString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

const askAgain = "请让顾客打开订单里的券码再拍一次，或直接发数字券码，例如：验 7992697494"

// notOurs says of a text that it is no voucher's.
func notOurs(text string) string {
	lower := strings.ToLower(strings.TrimSpace(text))
	if domain.MatchString(lower) || strings.HasPrefix(lower, "http:") || strings.HasPrefix(lower, "https:") {
		return "这个二维码是一个网址，不是美团或大众点评的券码；我没有打开它，也没有核销。" + askAgain
	}
	return "这不是美团或大众点评的券码，没有核销。" + askAgain
}
