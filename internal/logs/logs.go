// Package logs makes the process's logger. Whatever is logged passes a filter
// that hides secrets and masks voucher codes and phone numbers, so that a slip
// somewhere else does not become a leak.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"sort"
	"strings"
	"time"
)

const hidden = "********"

// New makes a logger that writes text or JSON lines. secrets are never written,
// wherever they turn up.
func New(w io.Writer, level, format string, secrets []string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: %w", level, err)
	}
	o := &slog.HandlerOptions{Level: l}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if format == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(&filter{next: h, text: newRedactor(secrets)}), nil
}

// filter is a slog.Handler that redacts what it hands on.
type filter struct {
	next slog.Handler
	text *redactor
}

func (f *filter) Enabled(ctx context.Context, l slog.Level) bool { return f.next.Enabled(ctx, l) }

func (f *filter) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, f.text.redact(r.Message), r.PC)
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, f.attr(a))
		return true
	})
	clean.AddAttrs(attrs...)
	return f.next.Handle(ctx, clean)
}

func (f *filter) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = f.attr(a)
	}
	return &filter{next: f.next.WithAttrs(clean), text: f.text}
}

func (f *filter) WithGroup(name string) slog.Handler {
	return &filter{next: f.next.WithGroup(name), text: f.text}
}

func (f *filter) attr(a slog.Attr) slog.Attr {
	if tells(a.Key) {
		return slog.String(a.Key, hidden)
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		group := make([]slog.Attr, len(v.Group()))
		for i, one := range v.Group() {
			group[i] = f.attr(one)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}
	case slog.KindString:
		return slog.String(a.Key, f.text.redact(v.String()))
	case slog.KindAny:
		switch x := v.Any().(type) {
		case nil:
			return a
		case error:
			return slog.String(a.Key, f.text.redact(x.Error()))
		case time.Time, *slog.Source:
			return a
		default:
			return slog.String(a.Key, f.text.redact(fmt.Sprintf("%+v", x)))
		}
	}
	return slog.Attr{Key: a.Key, Value: v}
}

var (
	// The same names in a query, a form or JSON that got into a text. Plain "token: "
	// is left alone: that is how errors are wrapped.
	assigned = regexp.MustCompile(`(?i)\b([a-z_]*(?:secret|token|session|password|sign|signature|response_code|auth_?code))(=|"\s*:\s*"?)([^\s&"',;}]+)`)
	// Voucher codes, phone numbers and order ids: runs of 8 to 24 digits that are
	// not part of a longer word.
	digits = regexp.MustCompile(`(^|[^0-9A-Za-z_.-])([0-9]{8,24})($|[^0-9A-Za-z_-])`)
	// A short link stands for a voucher as its code does.
	link = regexp.MustCompile(`(?i)(v(?:\.|%2e)douyin\.com(?:/|%2f))([0-9A-Za-z_/-]+)`)
)

// telling are names under which a value is a secret whatever it looks like, also
// at the end of a longer name: wecom_secret.
var telling = map[string]bool{
	"secret": true, "token": true, "session": true, "password": true, "passwd": true, "sign": true, "sign_key": true,
	"signature": true, "authorization": true, "cookie": true, "dsn": true, "response_url": true, "reply_url": true,
	"response_code": true, "accesstoken": true, "refreshtoken": true, "appauthtoken": true, "app_authtoken": true,
	"encodingaeskey": true, "encoding_aeskey": true, "encodingaes_key": true, "encoding_aes_key": true,
}

// tells reports whether a name is one of them or ends with one. It is asked for
// every attribute of every line, so it is not a regular expression.
func tells(name string) bool {
	name = strings.ToLower(name)
	for more := true; more; _, name, more = strings.Cut(name, "_") {
		if telling[name] {
			return true
		}
	}
	return false
}

// redactor cleans text.
type redactor struct{ known *strings.Replacer }

func newRedactor(secrets []string) *redactor {
	sort.Slice(secrets, func(i, j int) bool { return len(secrets[i]) > len(secrets[j]) }) // a secret may contain another
	var pairs []string
	for _, s := range secrets {
		if len(s) >= 6 { // shorter ones would tear words apart
			pairs = append(pairs, s, hidden)
		}
	}
	return &redactor{known: strings.NewReplacer(pairs...)}
}

func (r *redactor) redact(text string) string {
	text = r.known.Replace(text)
	// Most texts need no closer look, and every line of the log has some.
	if strings.ContainsAny(text, `="`) {
		text = assigned.ReplaceAllString(text, "${1}${2}"+hidden)
	}
	if strings.Contains(text, "ouyin") || strings.Contains(text, "OUYIN") {
		text = link.ReplaceAllStringFunc(text, func(m string) string {
			p := link.FindStringSubmatch(m)
			return p[1] + Mask(strings.TrimSuffix(p[2], "/"))
		})
	}
	if !longNumber(text) {
		return text
	}
	// Twice, for neighbours share the character between them.
	for range 2 {
		text = digits.ReplaceAllStringFunc(text, func(m string) string {
			p := digits.FindStringSubmatch(m)
			return p[1] + Mask(p[2]) + p[3]
		})
	}
	return text
}

// longNumber reports whether there is a run of digits that may be a code.
func longNumber(text string) bool {
	run := 0
	for i := range len(text) {
		if run++; text[i] < '0' || text[i] > '9' {
			run = 0
		}
		if run == 8 {
			return true
		}
	}
	return false
}

// Mask keeps enough of a code or phone number to recognise it by.
func Mask(s string) string {
	if len(s) < 8 {
		return strings.Repeat("*", len(s))
	}
	return s[:3] + "****" + s[len(s)-4:]
}
