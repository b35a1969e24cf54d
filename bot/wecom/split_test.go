package wecom

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in    string
		limit int
		want  string
	}{
		{"人民广场店", 5, "人民广场店"},
		{"人民广场总店", 5, "人民广场…"},
		{"双人套餐 ¥49.90", 10, "双人套餐…"},
		{"券码7992697494", 8, "券码…"},
		{"7992697494已用", 5, "7992697494…"},
		{"7992697494", 5, "7992697494"},
		{"7992 6974 94 已被使用", 6, "7992 6974 94…"},
		{"138****0000", 5, "138****0000"},
		{"12-11 14:12:09 张三", 12, "12-11 14:12:09…"},
		{"张三 12-11 14:12:09", 12, "张三…"},
		{"ab cd", 4, "ab…"},
	}
	for _, tt := range tests {
		if got := shorten(tt.in, tt.limit); got != tt.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestSplitBytes(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 60 {
		lines = append(lines, fmt.Sprintf("- %d：核销成功，双人套餐", i+1))
	}
	text := strings.Join(lines, "\n")

	parts := splitBytes(text, 500, 20)
	if got := strings.Join(parts, "\n"); got != text {
		t.Errorf("parts do not add up to the text:\n%s", got)
	}

	parts = splitBytes(text, 500, 3)
	shown := 0
	for _, p := range parts {
		if len(p) > 500 || !utf8.ValidString(p) {
			t.Errorf("part of %d bytes, valid %t", len(p), utf8.ValidString(p))
		}
		shown += strings.Count(p, "核销成功")
	}
	if want := fmt.Sprintf("\n…(还有 %d 行)", 60-shown); len(parts) != 3 || !strings.HasSuffix(parts[2], want) {
		t.Errorf("%d parts, the last ends in %q, want %q", len(parts), parts[len(parts)-1][400:], want)
	}
}

func TestCutBytes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in    string
		limit int
		want  string
	}{
		{"一\n二", 7, "一\n二"},
		{strings.Repeat("券", 50), 100, strings.Repeat("券", 27) + "\n…(还有 1 行)"},
		{"头\n\n" + strings.Repeat("券", 50), 64, "头\n…(还有 1 行)"},
	}
	for _, tt := range tests {
		if got := cutBytes(tt.in, tt.limit); got != tt.want || len(got) > tt.limit {
			t.Errorf("cutBytes(%q, %d) = %q (%d bytes), want %q", tt.in, tt.limit, got, len(got), tt.want)
		}
	}
}

func FuzzSplitBytes(f *testing.F) {
	f.Add("一\n二\n\n三", 64, 2)
	f.Fuzz(func(t *testing.T, s string, limit, parts int) {
		limit, parts = 64+abs(limit)%5000, 1+abs(parts)%6
		got := splitBytes(s, limit, parts)
		if len(got) < 1 || len(got) > parts {
			t.Fatalf("%d parts", len(got))
		}
		for _, p := range got {
			if len(p) > limit {
				t.Errorf("part of %d bytes, limit %d", len(p), limit)
			}
			if utf8.ValidString(s) && !utf8.ValidString(p) {
				t.Errorf("cut within a rune: %q", p)
			}
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
