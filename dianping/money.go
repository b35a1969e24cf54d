package dianping

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"yanquan/internal/loose"
)

// Fen is an amount of money in hundredths of a yuan. Money never passes
// through a float.
type Fen int64

// String formats as yuan with the currency sign: ¥49.90.
func (f Fen) String() string { return loose.Yuan(int64(f)) }

// ParseYuan reads the platform's literal text of an amount in yuan ("99",
// "99.0", "99.00", and as people write it: "¥1,299.00", "49.9元") without going
// through a float. More than two decimals are accepted only where the rest is
// zeros.
func ParseYuan(text string) (Fen, error) {
	s := strings.TrimSpace(text)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	s = strings.TrimSpace(strings.TrimSuffix(trimSign(s), "元"))
	whole, frac, _ := strings.Cut(s, ".")
	if grouped.MatchString(whole) {
		whole = strings.ReplaceAll(whole, ",", "")
	}
	if len(frac) > 2 {
		if strings.Trim(frac[2:], "0") != "" {
			return 0, fmt.Errorf("dianping: amount %q has more than two decimals", text)
		}
		frac = frac[:2]
	}
	frac += strings.Repeat("0", 2-len(frac))
	if whole == "" || len(whole) > 15 || strings.Trim(whole+frac, "0123456789") != "" {
		return 0, fmt.Errorf("dianping: %q is not an amount", text)
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("dianping: %q is not an amount", text)
	}
	if neg {
		n = -n
	}
	return Fen(n), nil
}

// grouped is a number with thousands separators.
var grouped = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3})+$`)

// trimSign removes the sign of the currency, in either width.
func trimSign(s string) string {
	s, found := strings.CutPrefix(s, "¥")
	if !found {
		s = strings.TrimPrefix(s, "￥")
	}
	return s
}
