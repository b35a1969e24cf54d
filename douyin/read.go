package douyin

import (
	"cmp"
	"slices"

	"yanquan/internal/loose"
	"yanquan/internal/scrub"
)

// readPrepared reads the answer of prepare. Coupons without an encrypted code, or an
// order without a verify token, could not be used.
func readPrepared(data object, whole bool) (Prepared, error) {
	list, err := certificates(data, whole)
	if err != nil {
		return Prepared{}, err
	}
	p := Prepared{OrderID: data.id("order_id"), VerifyToken: Secret(data.text("verify_token")), Certificates: list}
	usable := slices.ContainsFunc(list, func(c Certificate) bool { return c.EncryptedCode != "" })
	if p.VerifyToken == "" || !usable {
		return Prepared{}, errNoData("verify token and encrypted code")
	}
	return p, nil
}

// certificates reads the coupons of an order. An empty list is an answer only in an
// envelope that is whole.
func certificates(data object, whole bool) ([]Certificate, error) {
	rows, told, readable := data.list("certificates", "certificates_v2")
	var list []Certificate
	for _, row := range rows {
		if c := certificateOf(row); c.ID != "" || c.EncryptedCode != "" {
			list = append(list, c)
		}
	}
	switch {
	case len(list) < len(rows), !readable:
		return nil, errNoData("list of coupons that can be read")
	case len(list) == 0 && (whole || told):
		return nil, errNoRecord
	case len(list) == 0:
		return nil, errNoData("list of coupons")
	}
	return list, nil
}

// readCertificate reads the answer of certificate/get.
func readCertificate(data object, whole bool) (Certificate, error) {
	c := certificateOf(data.object("certificate"))
	switch {
	case c.ID != "" || c.EncryptedCode != "":
		return c, nil
	case whole && len(data.object("certificate")) == 0:
		return Certificate{}, errNoRecord
	}
	return Certificate{}, errNoData("coupon that can be read")
}

func certificateOf(o object) Certificate {
	c := Certificate{
		ID:            o.id("certificate_id"),
		EncryptedCode: Secret(o.text("encrypted_code")),
		Code:          o.text("code"),
		Status:        o.status("status"),
		Starts:        o.moment("start_time"),
		Expires:       o.moment("expire_time"),
		SKU:           skuOf(o.object("sku")),
		Amount:        o.amount("amount"),
		TimesCard:     timesCardOf(o.object("time_card")),
	}
	if verify := o.object("verify"); verify.id("verify_id") != "" {
		last := verificationOf(verify)
		c.Last = &last
	}
	rows, _, _ := o.list("verify_records")
	for _, row := range rows {
		if v := verificationOf(row); v.ID != "" {
			c.Records = append(c.Records, v)
		}
	}
	if c.TimesCard == nil && c.SKU.GrouponType == timesCard {
		c.TimesCard = &TimesCard{}
	}
	return c
}

// timesCard is the groupon_type of 次卡.
const timesCard = 3

const maxTitle = 200

func skuOf(o object) SKU {
	price, _ := loose.Integer(o.text("market_price"))
	return SKU{
		ID: o.id("sku_id"), ProductID: o.id("product_id"), AccountID: o.id("account_id"),
		Title:       scrub.Plain(o.text("title"), maxTitle),
		GrouponType: o.number("groupon_type"), MarketPrice: Fen(price),
	}
}

// timesCardOf reads time_card; nil where it tells of no uses.
func timesCardOf(o object) *TimesCard {
	t := &TimesCard{Count: o.number("times_count"), Used: o.number("times_used")}
	if t.Count <= 0 {
		return nil
	}
	rows, _, _ := o.list("serial_amount_list")
	for _, row := range rows {
		if a := row.amount("amount"); a != nil {
			if t.Serial == nil {
				t.Serial = map[int]Amount{}
			}
			t.Serial[row.number("serial_numb")] = a
		}
	}
	return t
}

func verificationOf(o object) Verification {
	return Verification{
		ID: o.id("verify_id"), CertificateID: o.id("certificate_id"), At: o.moment("verify_time"),
		CanCancel: o.flag("can_cancel"), Type: o.number("verify_type"), Verifier: o.text("verifier_unique_id"),
		ShopID: o.id("poi_id"), Serial: o.number("times_card_serial_num"),
	}
}

// statusUndone is the status of a record that was undone.
const statusUndone = 2

func readRecords(data object, whole bool) (page[Record], error) {
	rows, told, readable := data.list("records", "records_v2")
	p := page[Record]{total: total(data)}
	for _, row := range rows {
		v := Record{
			Verification: verificationOf(row), Cursor: row.text("cursor"), Code: row.text("code"),
			UndoneAt: row.moment("cancel_time"), CertificateStatus: row.status("certificate_status"),
			SKU: skuOf(row.object("sku")), Amount: row.amount("amount"),
		}
		v.Undone = row.number("status") == statusUndone || !v.UndoneAt.IsZero()
		serial, amount := useOf(row)
		v.Serial, v.UseAmount = cmp.Or(v.Serial, serial), amount
		if v.ID != "" {
			p.rows = append(p.rows, v)
		}
	}
	if len(p.rows) < len(rows) || !readable || !told && !whole {
		return page[Record]{}, errNoData("history that can be read")
	}
	return p, nil
}

// useOf reads verify_amount_info: which use of a 次卡 a row is of, and what that is worth.
func useOf(row object) (serial int, amount Amount) {
	use := row.object("verify_amount_info")
	one := use.object("times_card_serial_amount")
	if amount = one.amount("amount"); amount == nil {
		amount = use.object("time_card_amount").amount("amount")
	}
	return one.number("serial_numb"), amount
}

func total(data object) int {
	if n, ok := loose.Integer(data.text("total")); ok {
		return int(n)
	}
	return -1
}

func readShops(data object, whole bool) (page[ShopInfo], error) {
	rows, told, readable := data.list("pois")
	p := page[ShopInfo]{total: total(data)}
	for _, row := range rows {
		poi, account := row.object("poi"), row.object("account")
		s := ShopInfo{
			ID: poi.id("poi_id"), Name: scrub.Plain(poi.text("poi_name"), maxTitle), Address: scrub.Plain(poi.text("address"), maxTitle),
			RootAccount:   row.object("root_account").id("account_id"),
			ParentAccount: account.object("parent_account").id("account_id"),
			POIAccount:    account.object("poi_account").id("account_id"),
		}
		if s.ID != "" {
			p.rows = append(p.rows, s)
		}
	}
	if len(p.rows) < len(rows) || !readable || !told && !whole {
		return page[ShopInfo]{}, errNoData("list of shops that can be read")
	}
	return p, nil
}

func readLedgers(data object, whole bool) ([]Ledger, error) {
	rows, told, readable := data.list("records", "ledger_records")
	var list []Ledger
	for _, row := range rows {
		if id := row.id("certificate_id"); id != "" {
			list = append(list, Ledger{
				ID: row.id("ledger_id"), VerifyID: row.id("verify_id"), CertificateID: id, OrderID: row.id("order_id"),
				VerifiedAt: row.moment("verify_time"), Amount: row.amount("amount"), Funds: row.amount("fund_amount"),
			})
		}
	}
	if len(list) < len(rows) || !readable || !told && !whole {
		return nil, errNoData("ledger that can be read")
	}
	return list, nil
}
