package server

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

func newLinks(t *testing.T, secret byte, now *time.Time) *Links {
	t.Helper()
	l, err := NewLinks(bytes.Repeat([]byte{secret}, 32), func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLinks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := newLinks(t, 1, &now)
	const op = "0195515b0c8d7e0f9a1b2c3d4e5f6071"
	token, err := l.Sign(ToVoucher, op, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("%q does not fit a URL", token)
	}
	if got, err := l.Open(ToVoucher, token); err != nil || got != op {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := l.Open("auth", token); !errors.Is(err, ErrBadLink) {
		t.Errorf("another purpose: %v", err)
	}
	if _, err := newLinks(t, 2, &now).Open(ToVoucher, token); !errors.Is(err, ErrBadLink) {
		t.Errorf("another secret: %v", err)
	}
	now = now.Add(time.Hour - time.Second)
	if _, err := l.Open(ToVoucher, token); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := l.Open(ToVoucher, token); !errors.Is(err, ErrLinkExpired) {
		t.Errorf("at its end: %v", err)
	}
}

func TestLinksTampered(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := newLinks(t, 1, &now)
	token, err := l.Sign(ToVoucher, "0195515b0c8d7e0f9a1b2c3d4e5f6071", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		bad := bytes.Clone(raw)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := l.Open(ToVoucher, base64.RawURLEncoding.EncodeToString(bad)); !errors.Is(err, ErrBadLink) {
			t.Fatalf("bit %d turned: %v", bit, err)
		}
	}
	for _, bad := range []string{"", "x", "....", token + "A", token + "=", token[:len(token)-1], " " + token, token + "\n", strings.Repeat("A", 5000)} {
		if _, err := l.Open(ToVoucher, bad); !errors.Is(err, ErrBadLink) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

func TestLinksNeedASecret(t *testing.T) {
	t.Parallel()
	if _, err := NewLinks([]byte("short"), time.Now); err == nil {
		t.Error("accepted a short secret")
	}
	if _, err := NewLinks(bytes.Repeat([]byte{1}, 32), time.Now, []byte("short")); err == nil {
		t.Error("accepted a short old secret")
	}
}

// TestLinksAfterRotation: links signed before a change of the secret still open;
// new ones are signed with the new secret alone.
func TestLinksAfterRotation(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	rotated, err := NewLinks(key(3), func() time.Time { return now }, key(2), key(1))
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[byte]error{1: nil, 2: nil, 3: nil, 4: ErrBadLink} {
		token, err := newLinks(t, secret, &now).Sign(ToAuthorize, "ticket", 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if subject, err := rotated.Open(ToAuthorize, token); !errors.Is(err, want) || err == nil && subject != "ticket" {
			t.Errorf("signed with secret %d: %q, %v", secret, subject, err)
		}
	}
	token, err := rotated.Sign(ToAuthorize, "ticket", 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[byte]error{1: ErrBadLink, 2: ErrBadLink, 3: nil} {
		if _, err := newLinks(t, secret, &now).Open(ToAuthorize, token); !errors.Is(err, want) {
			t.Errorf("opened with secret %d: %v", secret, err)
		}
	}
	now = now.Add(10 * time.Minute)
	if _, err := rotated.Open(ToAuthorize, token); !errors.Is(err, ErrLinkExpired) {
		t.Errorf("after its life: %v", err)
	}
}
