package dianping

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

// request is one request in the words of neither generation; a [dialect] puts
// it into fields. Which members count depends on the call.
type request struct {
	call      Call
	shop      Shop
	code      string
	qr        string
	requestID string
	count     int
	items     []BatchItem
	operator  Operator
	dealID    int64
	list      ListQuery
	mobile    MobileQuery
	offset    int // rows or pages, as the call has it
	limit     int

	grant       Grant  // token: its purpose; refresh: the old one; shops: whose
	claimed     string // token: whose it is by the browser's word
	authCode    string
	redirectURL string
}

// wire is a request ready to be sent: fields are signed where the dialect signs
// them, "sign" among them.
type wire struct {
	method string
	path   string // after the API URL
	fields map[string]string
}

// dialect is what differs between the generations on the way out.
type dialect interface {
	platform() string
	secret() string // kept out of everything that leaves the package
	offers(Call) bool
	needsShopID() bool
	wire(r request, now time.Time) wire

	asks(Purpose) bool
	authorizePage(req AuthorizeRequest, now time.Time) wire
	refreshLife() time.Duration // of a refresh token; 0: not known
	notice(fields map[string]string) (Notice, error)
}

var (
	requestIDForm = regexp.MustCompile(`^[0-9A-Za-z]{1,32}$`)
	codeForm      = regexp.MustCompile(`^[0-9]{1,32}$`)
	mobileForm    = regexp.MustCompile(`^([0-9]{1,6}_)?[0-9]{5,15}$`)
)

const (
	maxCount = 100  // coupons in one consume
	maxItems = 100  // codes in one batch
	maxQR    = 4096 // bytes of QR text
)

// trimmed removes the white space around everything that people or files give.
func (r request) trimmed() request {
	r.shop.ID = strings.TrimSpace(r.shop.ID)
	r.shop.Session = strings.TrimSpace(r.shop.Session)
	r.code = strings.TrimSpace(r.code)
	r.qr = strings.TrimSpace(r.qr)
	// Broken UTF-8 would be signed as bytes here and as something else there.
	r.operator.Account = strings.TrimSpace(strings.ToValidUTF8(r.operator.Account, "?"))
	r.operator.Name = strings.TrimSpace(strings.ToValidUTF8(r.operator.Name, "?"))
	r.mobile.Mobile = strings.TrimSpace(r.mobile.Mobile)
	items := make([]BatchItem, len(r.items))
	for i, item := range r.items {
		items[i] = BatchItem{Code: strings.TrimSpace(item.Code), Count: item.Count}
	}
	r.items = items
	return r
}

// check refuses arguments that no platform could serve. Its errors do not
// repeat the argument: it could be a phone number.
func (r request) check(needsShopID bool) error {
	if r.call.grants() || r.call == CallShops {
		return r.checkGrant()
	}
	if r.shop.Session == "" {
		return errors.New("the shop has no access token")
	}
	if needsShopID && r.shop.ID == "" {
		return errors.New("the shop has no id")
	}
	switch r.call {
	case CallPrepare, CallGetConsumed, CallConsume, CallReverseConsume:
		if !codeForm.MatchString(r.code) {
			return errors.New("a voucher code is 1 to 32 digits")
		}
	}
	switch r.call {
	case CallConsume, CallBatchConsume:
		if !requestIDForm.MatchString(r.requestID) {
			return errors.New("a request id is 1 to 32 ASCII letters and digits")
		}
	}
	switch r.call {
	case CallScanPrepare:
		if r.qr == "" || len(r.qr) > maxQR {
			return errors.New("a QR text is 1 to 4096 bytes")
		}
	case CallConsume:
		return checkCount(r.count)
	case CallBatchConsume:
		return checkItems(r.items)
	case CallReverseConsume:
		if r.dealID <= 0 {
			return errors.New("an undo needs the deal id")
		}
	case CallQueryListByDate:
		if r.list.Date.IsZero() {
			return errors.New("a history query needs a date")
		}
	case CallQueryByMobile:
		if !mobileForm.MatchString(r.mobile.Mobile) {
			return errors.New("a mobile is digits, or area code and number joined by _")
		}
	}
	return nil
}

func checkCount(n int) error {
	if n < 1 || n > maxCount {
		return errors.New("a count is 1 to 100")
	}
	return nil
}

func checkItems(items []BatchItem) error {
	if len(items) == 0 || len(items) > maxItems {
		return errors.New("a batch is 1 to 100 codes")
	}
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		if !codeForm.MatchString(item.Code) {
			return errors.New("a voucher code is 1 to 32 digits")
		}
		if seen[item.Code] {
			return errors.New("a batch names each code once")
		}
		seen[item.Code] = true
		if err := checkCount(item.Count); err != nil {
			return err
		}
	}
	return nil
}
