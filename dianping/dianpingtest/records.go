package dianpingtest

import "encoding/json"

// What getconsumed and the history tell of a verification, where the public facts
// leave a doubt.

// NoRecord is a value of [Knobs].
type NoRecord string

// What getconsumed gets for a code of which there is no record: it was never
// consumed, its verification was undone, or it is unknown.
const (
	NoRecordRefused     NoRecord = "refused"      // 1002, 1141 or 1006
	NoRecordNull        NoRecord = "null"         // success, data null
	NoRecordEmptyObject NoRecord = "empty_object" // success, data {}
	NoRecordEmptyText   NoRecord = "empty_text"   // success, data ""
	NoRecordEmptyList   NoRecord = "empty_list"   // success, data []
	NoRecordEmptyResult NoRecord = "empty_result" // success, data {"result":[]}
	NoRecordAbsent      NoRecord = "absent"       // success, no data
)

// NoRecords are all of them, the default first.
var NoRecords = []NoRecord{
	NoRecordRefused, NoRecordNull, NoRecordEmptyObject, NoRecordEmptyText, NoRecordEmptyList, NoRecordEmptyResult, NoRecordAbsent,
}

// null is data that is there and is nothing; a nil any leaves data out.
var null = json.RawMessage("null")

// data is that of a success without a record.
func (n NoRecord) data() any {
	switch n {
	case NoRecordNull:
		return null
	case NoRecordEmptyObject:
		return struct{}{}
	case NoRecordEmptyText:
		return ""
	case NoRecordEmptyList:
		return []any{}
	case NoRecordEmptyResult:
		return gen2List{[]any{}}
	default:
		return nil
	}
}

// VerifyTime is a value of [Knobs].
type VerifyTime string

// How getconsumed tells the time of a verification.
const (
	VerifyTimeTold   VerifyTime = "told"
	VerifyTimeEmpty  VerifyTime = "empty" // ""
	VerifyTimeAbsent VerifyTime = "absent"
)

// VerifyTimes are all of them, the default first.
var VerifyTimes = []VerifyTime{VerifyTimeTold, VerifyTimeEmpty, VerifyTimeAbsent}

// VerifyAccount is a value of [Knobs].
type VerifyAccount string

// How getconsumed tells who verified. The names hold in the history too.
const (
	VerifyAccountLogin    VerifyAccount = "login"    // as sent in app_shop_account
	VerifyAccountName     VerifyAccount = "name"     // as sent in app_shop_accountname
	VerifyAccountMerchant VerifyAccount = "merchant" // the merchant's own account, for all that came through an interface
	VerifyAccountEmpty    VerifyAccount = "empty"    // ""; in the history the login
	VerifyAccountAbsent   VerifyAccount = "absent"   // in the history the login
)

// VerifyAccounts are all of them, the default first.
var VerifyAccounts = []VerifyAccount{
	VerifyAccountLogin, VerifyAccountName, VerifyAccountMerchant, VerifyAccountEmpty, VerifyAccountAbsent,
}

// verified is who verified, by what and when, as the wire tells it. nil is not
// told at all.
type verified struct {
	account, time *string
	channel       string
}

// inHistory is a verification as querylistbydate tells it.
func (p *Platform) inHistory(u Use) verified {
	account, at := u.Account, wallTime(u.Time)
	switch p.knobs.VerifyAccount {
	case VerifyAccountName:
		if u.AccountName != "" {
			account = u.AccountName
		}
	case VerifyAccountMerchant:
		if u.Channel == channelInterface {
			account = p.shop(u.Shop).Customer
		}
	}
	return verified{&account, &at, u.Channel}
}

// inRecord is a verification as getconsumed tells it.
func (p *Platform) inRecord(u Use) verified {
	told, empty := p.inHistory(u), ""
	switch p.knobs.VerifyAccount {
	case VerifyAccountEmpty:
		told.account = &empty
	case VerifyAccountAbsent:
		told.account = nil
	}
	switch p.knobs.VerifyTime {
	case VerifyTimeEmpty:
		told.time = &empty
	case VerifyTimeAbsent:
		told.time = nil
	}
	return told
}

// record finds the verification of a code. Without one there is either a refusal
// or, by [Knobs.NoRecord], nothing.
func (p *Platform) record(code, shop string) (*Voucher, *Use, *refusal) {
	v := p.byCode[code]
	var why *refusal
	switch {
	case v == nil:
		why = refuse(codeNotFound)
	case !v.validAt(shop):
		return nil, nil, refuse(codeWrongShop)
	case v.State == Replaced:
		why = refuse(codeReplaced)
	case v.Use == nil:
		why = refuseFor(codeFailed, "该券码未被验证")
	default:
		return v, p.toldUse(v), nil
	}
	if p.knobs.NoRecord != NoRecordRefused && p.knobs.NoRecord != "" {
		why = nil
	}
	return nil, nil, why
}
