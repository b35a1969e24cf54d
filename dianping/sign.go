package dianping

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// SignMD5 signs the fields of a first-generation request (sign_method=MD5):
// lower-case hex of MD5 over secret, names and values in byte order of the
// names, secret. Empty values and "sign" are left out; values count raw, not
// URL-encoded, and without the white space around them (send them so too).
//
// As in the official SDK, dianping-openapi-java-sdk 1.0.0.
func SignMD5(secret string, fields map[string]string) string {
	sum := md5.Sum([]byte(secret + signedText(fields, true) + secret))
	return hex.EncodeToString(sum[:])
}

// SignSHA1 signs the fields of a second-generation request: lower-case hex of
// SHA-1 over the key, then names and values in byte order of the names. Empty
// values and "sign" are left out; values count exactly as sent.
//
// https://developer.meituan.com/docs/biz/comm-dev-isv-sign-rule
func SignSHA1(key string, fields map[string]string) string {
	sum := sha1.Sum([]byte(key + signedText(fields, false)))
	return hex.EncodeToString(sum[:])
}

func signedText(fields map[string]string, trim bool) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if trim {
			value = strings.TrimSpace(value)
		}
		if name == "sign" || value == "" {
			continue
		}
		b.WriteString(name)
		b.WriteString(value)
	}
	return b.String()
}
