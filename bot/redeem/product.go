package redeem

import (
	"slices"
	"strconv"
	"strings"

	"yanquan/bot/platform"
	"yanquan/models"
)

// A code that stands for coupons of several products says nothing of which is to be used.
// A person says it, by the platform's id of the product, and nothing is consumed before.

// Product is one of several that a code stands for, as an outcome keeps it.
type Product struct {
	ID       string // the platform's, digits; "": it has none, so that it cannot be named
	Code     string // by which it is consumed; "": the operation's own
	Title    string
	PriceFen int64
	Priced   bool
	Left     int // how many can be consumed; 0: not told
}

// chosen is the product of a voucher that a person names by its id or the end of it, or the
// only one. reason: there is none, or it is not certain which. what is followed was of a
// product, and a person who follows it has not seen another.
func chosen(v platform.Voucher, named string, followed *models.Operation) (one platform.Voucher, reason string) {
	all := products(v)
	if named != "" {
		all = slices.DeleteFunc(all, func(p platform.Voucher) bool { return p.Product == "" || !strings.HasSuffix(p.Product, named) })
	}
	switch {
	case len(all) == 0:
		return v, ReasonNoProduct
	case len(all) > 1, all[0].Code != v.Code:
		return v, ReasonProduct
	case named == "" && followed != nil && v.OfOrder && followed.DealID != 0 && all[0].DealID != 0 && followed.DealID != all[0].DealID:
		return v, ReasonProduct
	}
	return all[0], ""
}

// products are those that a voucher stands for, itself where it is one.
func products(v platform.Voucher) []platform.Voucher {
	if len(v.Products) == 0 {
		return []platform.Voucher{v}
	}
	return slices.Clone(v.Products)
}

// choose makes one product of a usable voucher the operation's. An outcome with a reason:
// a person must say which.
func (t *talk) choose(v platform.Voucher, named string, followed *models.Operation) models.Outcome {
	one, reason := chosen(v, named, followed)
	if t.describe(one); reason != "" {
		return models.Outcome{Reason: reason, Message: productList(v)}
	}
	return models.Outcome{}
}

// leftInOrder is how many coupons of any product can be consumed with a code; 0: not told.
func leftInOrder(v platform.Voucher) (left int) {
	for _, p := range v.Products {
		if p.Reusable || p.Left == 0 {
			return 0
		}
		left += p.Left
	}
	return left
}

const (
	productsKept = 5  // there is room for no more on a card
	titleKept    = 40 // characters of a title in a list
)

// productList keeps the products of a voucher in an outcome: a line for each.
func productList(v platform.Voucher) string {
	var lines []string
	for _, p := range products(v) {
		if len(lines) == productsKept {
			lines = append(lines, "")
			break
		}
		price, code, title := "", "", []rune(strings.Join(strings.Fields(p.Title), " "))
		if p.PriceKnown {
			price = strconv.FormatInt(p.PriceFen, 10)
		}
		if p.Code != v.Code {
			code = p.Code
		}
		lines = append(lines, strings.Join([]string{p.Product, code, price, strconv.Itoa(p.Left), string(title[:min(len(title), titleKept)])}, "|"))
	}
	return strings.Join(lines, "\n")
}

// ProductsIn are the products that an outcome names, see the reasons that have them; more
// says that there are others.
func ProductsIn(o models.Outcome) (all []Product, more bool) {
	if !AsksProduct(o) {
		return nil, false
	}
	for line := range strings.SplitSeq(o.Message, "\n") {
		parts := strings.SplitN(line, "|", 5)
		if len(parts) < 5 {
			more = more || line == "" && len(all) > 0
			continue
		}
		p := Product{ID: parts[0], Code: parts[1], Title: parts[4]}
		fen, err := strconv.ParseInt(parts[2], 10, 64)
		p.PriceFen, p.Priced = fen, err == nil
		p.Left, _ = strconv.Atoi(parts[3])
		all = append(all, p)
	}
	return all, more
}

// AsksProduct reports whether a person must say which of several products is meant.
func AsksProduct(o models.Outcome) bool {
	return o.Reason == ReasonProduct || o.Reason == ReasonNoProduct
}
