// Package loose reads the JSON of platforms that are loose about it: numbers come as
// text and text as numbers. It takes what json.Decoder makes with UseNumber, and
// nothing goes through a float.
package loose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Decode reads one JSON value and nothing behind it.
func Decode(body []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%d bytes are not JSON", len(body))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON")
	}
	return v, nil
}

// Scalar gives the text of a number, string or bool, and "" for all else.
func Scalar(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

var decimalForm = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$`)

// Decimal reads a decimal, as Java prints its doubles (1.0E7) too.
func Decimal(text string) (*big.Rat, bool) {
	if !decimalForm.MatchString(text) { // also keeps the exponent small
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// Integer reads a whole number of 64 bits, in whatever form JSON has it.
func Integer(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	r, ok := Decimal(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// Code gives a code in one form: 1008, 1008.0 and "1008" are the same.
func Code(v any) string {
	text := Scalar(v)
	if n, ok := Integer(text); ok {
		return strconv.FormatInt(n, 10)
	}
	return text
}

// Yuan writes an amount in fen as yuan with the currency sign: ¥49.90.
func Yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s¥%d.%02d", sign, fen/100, fen%100)
}
