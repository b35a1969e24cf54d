package logs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

type shop struct{ ID, Session string }

func (s shop) LogValue() slog.Value { return slog.StringValue(s.ID) }

func TestNothingSecretIsWritten(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := New(&out, "debug", format, []string{"sekrit-1", "sekrit-1-longer", "x"})
		if err != nil {
			t.Fatal(err)
		}
		log = log.With("token", "leak-1", "note", "sekrit-1-longer").WithGroup("call")
		log.InfoContext(context.Background(), "verify 7992697494 with sekrit-1",
			"error", errors.New(`Post "https://h/x?access_token=leak-2&debug=1": {"session":"leak-3"} phone 13812345678,13912345678`),
			"app_secret", "leak-4", "dsn", "root:leak-5@tcp(x)/y",
			slog.Group("inner", "Session", "leak-6", "code", "1234567890123456"),
			"shop", shop{"shop-9", "leak-7"}, "any", struct{ A string }{"sekrit-1"},
			"took", 3*time.Second, "count", 12345678901, "link", "验 https://v.douyin.com/eHHc1ftX/ x2", "long", "https%3A%2F%2Fv.douyin.com%2FeHHc1ftX%2F", "url", "/v/abc?token=leak-8", "nothing", nil)
		got := out.String()
		for _, leak := range []string{"leak-", "sekrit", "7992697494", "13812345678", "13912345678", "1234567890123456", "eHHc1ft"} {
			if strings.Contains(got, leak) {
				t.Errorf("%s: %q got through:\n%s", format, leak, got)
			}
		}
		for _, kept := range []string{"799****7494", "138****5678", "139****5678", "v.douyin.com/eHH****1ftX", "shop-9", "debug=1", "12345678901"} {
			if !strings.Contains(got, kept) {
				t.Errorf("%s: %q is missing:\n%s", format, kept, got)
			}
		}
	}
}

func TestOrdinaryTextIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRedactor(nil)
	for _, text := range []string{
		"listening", "operation 0195515b0c8d7e0f9a1b2c3d4e5f6071 done", "port 8080", "2026-03-01T12:00:00Z",
		"took 3.123456789s", "shop-1234567890-x", "reason: bad request",
		"wecom: gettoken: HTTP status 500", "session: not found",
	} {
		if got := r.redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := New(&out, "warn", "text", nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("loud")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("got %q", got)
	}
	if _, err := New(&out, "shout", "text", nil); err == nil {
		t.Error("accepted an unknown level")
	}
}
