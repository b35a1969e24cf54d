package loose

import (
	"encoding/json"
	"testing"
)

func TestInteger(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "007": 7, "-3": -3, "9223372036854775807": 9223372036854775807, "9007199254740993": 9007199254740993,
		"1208.0": 1208, "1.7E3": 1700, "1.701359999E12": 1701359999000,
	} {
		if got, ok := Integer(text); !ok || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "x", "1.5", "9223372036854775808", "1e99", "0x10", " 1", "1e999999999"} {
		if got, ok := Integer(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	v, err := Decode([]byte("\xef\xbb\xbf" + ` {"a":9007199254740993,"b":" 007 ","c":true,"d":null,"e":[1],"f":1208.0} `))
	if err != nil {
		t.Fatal(err)
	}
	o := v.(map[string]any)
	for key, want := range map[string]string{"a": "9007199254740993", "b": "007", "c": "true", "d": "", "e": "", "f": "1208.0", "g": ""} {
		if got := Scalar(o[key]); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, text := range []string{"", "{", "<html>", "{} x", "{}{}"} {
		if v, err := Decode([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, v)
		}
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	for _, v := range []any{json.Number("1008"), json.Number("1008.0"), "1008", " 1.008e3 "} {
		if got := Code(v); got != "1008" {
			t.Errorf("%v: got %s", v, got)
		}
	}
	if got := Code("OP_SUCCESS"); got != "OP_SUCCESS" {
		t.Errorf("got %s", got)
	}
}

func TestYuan(t *testing.T) {
	t.Parallel()
	for fen, want := range map[int64]string{0: "¥0.00", 5: "¥0.05", 4990: "¥49.90", -150: "-¥1.50"} {
		if got := Yuan(fen); got != want {
			t.Errorf("%d: got %s, want %s", fen, got, want)
		}
	}
}
