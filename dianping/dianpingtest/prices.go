package dianpingtest

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// PriceForm is a value of [Knobs].
type PriceForm string

// How a price is written: deal_price, deal_marketprice, amount and their like.
const (
	PriceAsDocumented PriceForm = "documented" // a number, 99.0; amounts of the second generation as text, "99.00"
	PriceText         PriceForm = "text"       // "1299.00"
	PriceThousands    PriceForm = "thousands"  // "1,299.00"
	PriceYen          PriceForm = "yen"        // "¥1,299.00"
	PriceNull         PriceForm = "null"
	PriceEmpty        PriceForm = "empty" // ""
	PriceAbsent       PriceForm = "absent"
)

// PriceForms are all of them, the default first.
var PriceForms = []PriceForm{PriceAsDocumented, PriceText, PriceThousands, PriceYen, PriceNull, PriceEmpty, PriceAbsent}

// price writes fen as a JSON number, or otherwise by [Knobs.Prices]. Nothing at
// all leaves the field out.
func (p *Platform) price(fen int64) json.RawMessage {
	switch p.knobs.Prices {
	case PriceText:
		return quoted(yuanText(fen))
	case PriceThousands:
		return quoted(thousands(fen))
	case PriceYen:
		return quoted("¥" + thousands(fen))
	case PriceNull:
		return null
	case PriceEmpty:
		return quoted("")
	case PriceAbsent:
		return nil
	default:
		return yuan(fen)
	}
}

// amount is price where text is documented.
func (p *Platform) amount(fen int64) json.RawMessage {
	if p.knobs.Prices == PriceAsDocumented || p.knobs.Prices == "" {
		return quoted(yuanText(fen))
	}
	return p.price(fen)
}

func quoted(text string) json.RawMessage { return json.RawMessage(strconv.Quote(text)) }

// yuan writes fen as a JSON number the way Java writes a double: 99.0, 49.9,
// 49.95.
func yuan(fen int64) json.RawMessage {
	text := yuanText(fen)
	if text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	return json.RawMessage(text)
}

// yuanText writes fen with two decimals: 99.00.
func yuanText(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

// thousands is yuanText with separators: 1,299.00.
func thousands(fen int64) string {
	text := yuanText(fen)
	for i := len(text) - len(".00") - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
