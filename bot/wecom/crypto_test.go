package wecom

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
)

// The vendor's published sample: token, key and corp id of its manual's and its
// sample projects' examples.
const (
	sampleToken  = "QDG6eK"
	sampleKey    = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	sampleCorpID = "wx5823bf96d3bd56c7"
)

const sampleMessage = "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="

// zeros is a source of randomness that tests can foresee.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func testCrypto(tb testing.TB, receiveID string) *Crypto {
	tb.Helper()
	c, err := NewCrypto(sampleToken, sampleKey, receiveID)
	if err != nil {
		tb.Fatal(err)
	}
	c.Rand = zeros{}
	return c
}

// sealRaw encrypts and signs exactly these bytes, padding included.
func sealRaw(c *Crypto, raw []byte, timestamp, nonce string) (encrypted, signature string) {
	out := bytes.Clone(raw)
	if len(out)%aes.BlockSize == 0 {
		cipher.NewCBCEncrypter(c.block, c.iv[:]).CryptBlocks(out, out)
	}
	encrypted = base64.StdEncoding.EncodeToString(out)
	return encrypted, util.Signature(c.token, timestamp, nonce, encrypted)
}

// plainFrame builds random ‖ length ‖ msg ‖ tail, padded to 32.
func plainFrame(length uint32, msg, tail string) []byte {
	raw := make([]byte, headerLen)
	binary.BigEndian.PutUint32(raw[randomLen:], length)
	raw = append(raw, msg+tail...)
	pad := padBlock - len(raw)%padBlock
	return append(raw, bytes.Repeat([]byte{byte(pad)}, pad)...)
}

func TestOpenSamples(t *testing.T) {
	t.Parallel()
	c := testCrypto(t, sampleCorpID)
	echo, err := c.Open("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780",
		"P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==")
	if err != nil || string(echo) != "1616140317555161061" {
		t.Errorf("echostr = %q, %v", echo, err)
	}
	msg, err := c.Open("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149", sampleMessage)
	if err != nil || !strings.HasPrefix(string(msg), "<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]>") {
		t.Errorf("message = %q, %v", msg, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	const stamp, nonce = "1700000000", "n"
	app, robot := testCrypto(t, sampleCorpID), testCrypto(t, "")
	good := plainFrame(2, "hi", sampleCorpID)
	badPad := bytes.Clone(good)
	badPad[len(badPad)-2] ^= 1
	zeroPad := bytes.Clone(good)
	zeroPad[len(zeroPad)-1] = 0
	longPad := bytes.Clone(good)
	longPad[len(longPad)-1] = 33

	tests := []struct {
		name string
		c    *Crypto
		raw  []byte
		want error
	}{
		{"another corp", app, plainFrame(2, "hi", "wwother"), ErrReceiveID},
		{"longer corp id", app, plainFrame(2, "hi", sampleCorpID+"x"), ErrReceiveID},
		{"no corp id", app, plainFrame(2, "hi", ""), ErrReceiveID},
		{"corp id for a robot", robot, good, ErrReceiveID},
		{"one pad byte differs", app, badPad, ErrPadding},
		{"padding of 0", app, zeroPad, ErrPadding},
		{"padding of 33", app, longPad, ErrPadding},
		{"all padding", app, bytes.Repeat([]byte{32}, 32), ErrFrame},
		{"length too large", app, plainFrame(1<<31, "hi", sampleCorpID), ErrFrame},
		{"length one too large", robot, plainFrame(3, "hi", ""), ErrFrame},
		{"block of 16", app, good[:16], ErrCiphertext},
		{"half a block", app, good[:33], ErrCiphertext},
		{"empty", app, nil, ErrCiphertext},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			encrypted, signature := sealRaw(tt.c, tt.raw, stamp, nonce)
			_, err := tt.c.Open(signature, stamp, nonce, encrypted)
			if !errors.Is(err, tt.want) || !errors.Is(err, ErrUnauthentic) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}

	encrypted, signature := sealRaw(app, good, stamp, nonce)
	for name, args := range map[string][4]string{
		"wrong signature":     {strings.Repeat("0", 40), stamp, nonce, encrypted},
		"upper-case":          {strings.ToUpper(signature), stamp, nonce, encrypted},
		"empty signature":     {"", stamp, nonce, encrypted},
		"another timestamp":   {signature, "1700000001", nonce, encrypted},
		"another nonce":       {signature, stamp, "m", encrypted},
		"changed ciphertext":  {signature, stamp, nonce, "A" + encrypted[1:]},
		"invalid, not signed": {signature, stamp, nonce, "!!"},
	} {
		if _, err := app.Open(args[0], args[1], args[2], args[3]); !errors.Is(err, ErrSignature) || !errors.Is(err, ErrUnauthentic) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	if _, err := app.Open(util.Signature(sampleToken, stamp, nonce, "!!"), stamp, nonce, "!!"); !errors.Is(err, ErrCiphertext) {
		t.Errorf("not base64: err = %v", err)
	}
	if errors.Is(ErrSignature, ErrPadding) || errors.Is(ErrMalformed, ErrUnauthentic) {
		t.Error("sentinels match too much")
	}
}

// TestSealOpen covers every remainder of the length by 32.
func TestSealOpen(t *testing.T) {
	t.Parallel()
	for _, receiveID := range []string{"", sampleCorpID} {
		c := testCrypto(t, receiveID)
		for n := range 70 {
			plain := bytes.Repeat([]byte{'x'}, n)
			encrypted, signature, err := c.Seal(plain, "1", "2")
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Open(signature, "1", "2", encrypted)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("length %d: %q, %v", n, got, err)
			}
			if receiveID != "" { // silenceper cannot read what has an empty receiveid
				_, got, err := util.DecryptMsg(receiveID, encrypted, sampleKey)
				if err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("silenceper, length %d: %q, %v", n, got, err)
				}
			}
			if want := util.Signature(sampleToken, "1", "2", encrypted); signature != want {
				t.Fatalf("signature = %s, want %s", signature, want)
			}
		}
	}
}

func TestNewCryptoRefuses(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][2]string{
		"no token":   {"", sampleKey},
		"short key":  {"t", sampleKey[1:]},
		"not base64": {"t", strings.Repeat("!", 43)},
	} {
		if _, err := NewCrypto(args[0], args[1], ""); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), sampleKey[1:]) {
			t.Errorf("%s: the key is in %q", name, err)
		}
	}
	// The last character's low bits do not count.
	if _, err := NewCrypto("t", strings.Repeat("A", 42)+"D", ""); err != nil {
		t.Error(err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

func TestSealWithoutRandomness(t *testing.T) {
	t.Parallel()
	c := testCrypto(t, "")
	c.Rand = brokenReader{}
	if _, _, err := c.Seal([]byte("x"), "1", "2"); err == nil {
		t.Error("no error")
	}
}

func FuzzOpen(f *testing.F) {
	c := testCrypto(f, sampleCorpID)
	f.Add("1409659813", "1372623149", sampleMessage, []byte("<xml/>"))
	f.Add("", "", "", []byte{})
	f.Add("1", "2", "AAAA", plainFrame(1<<30, "x", sampleCorpID))
	f.Fuzz(func(t *testing.T, stamp, nonce, encrypted string, raw []byte) {
		// Anything, correctly signed.
		_, _ = c.Open(util.Signature(sampleToken, stamp, nonce, encrypted), stamp, nonce, encrypted)
		// Any plaintext, correctly encrypted and signed.
		enc, sig := sealRaw(c, raw, stamp, nonce)
		if msg, err := c.Open(sig, stamp, nonce, enc); err == nil && !bytes.Contains(raw, msg) {
			t.Errorf("%q is not of %q", msg, raw)
		} else if err != nil && !errors.Is(err, ErrUnauthentic) {
			t.Error(err)
		}
		// What is sealed can be opened.
		enc, sig, err := c.Seal(raw, stamp, nonce)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Open(sig, stamp, nonce, enc); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%q became %q, %v", raw, got, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	c := testCrypto(b, sampleCorpID)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Open("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149", sampleMessage); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSilenceper(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if util.Signature(sampleToken, "1409659813", "1372623149", sampleMessage) != "477715d11cdb4164915debcba66cb864d751f3e6" {
			b.Fatal("signature")
		}
		if _, _, err := util.DecryptMsg(sampleCorpID, sampleMessage, sampleKey); err != nil {
			b.Fatal(err)
		}
	}
}
