package dianpingtest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// signText joins the fields that take part in a signature: all but "sign" and
// the empty ones, names in byte order, name and value without separators, values
// as they are before URL encoding. Both generations agree so far.
func signText(fields map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "sign" || fields[name] == "" {
			continue
		}
		b.WriteString(name)
		b.WriteString(fields[name])
	}
	return b.String()
}

// signMD5 is the first generation's signature: the secret on both ends.
func signMD5(secret string, fields map[string]string) string {
	sum := md5.Sum([]byte(secret + signText(fields) + secret))
	return hex.EncodeToString(sum[:])
}

// signHMAC is the first generation's variant for sign_method=HMAC: the secret is
// the key and does not appear in the text.
func signHMAC(secret string, fields map[string]string) string {
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write([]byte(signText(fields)))
	return hex.EncodeToString(mac.Sum(nil))
}

// signSHA1 is the second generation's signature: the key in front only.
func signSHA1(key string, fields map[string]string) string {
	sum := sha1.Sum([]byte(key + signText(fields)))
	return hex.EncodeToString(sum[:])
}

// sameText compares without telling by the time taken where the texts differ.
func sameText(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
