package dianpingtest

import (
	"fmt"
	"slices"
	"time"
)

// Knobs choose between behaviours where the public facts leave a doubt, and
// shorten what lasts long. The empty value of each is the first one listed.
type Knobs struct {
	// RepeatAnswer: what a consume gets whose requestid was used before.
	RepeatAnswer RepeatAnswer `json:"repeat_answer"`
	// RequestLife: how long the platform remembers a requestid that had an effect;
	// 0: for ever.
	RequestLife time.Duration `json:"request_life_ns"`
	// NoRecord: what getconsumed gets where there is no record.
	NoRecord NoRecord `json:"no_record"`
	// VerifyTime: how getconsumed tells when.
	VerifyTime VerifyTime `json:"verify_time"`
	// VerifyAccount: how getconsumed tells who.
	VerifyAccount VerifyAccount `json:"verify_account"`
	// VisitRecord: which visit of a times card getconsumed tells.
	VisitRecord VisitRecord `json:"visit_record"`
	// VisitRows: how a consume of several visits of a times card is answered.
	VisitRows VisitRows `json:"visit_rows"`
	// VisitPrice: which price of a times card is told.
	VisitPrice VisitPrice `json:"visit_price"`
	// Prices: how prices and amounts are written.
	Prices PriceForm `json:"prices"`
	// Gen1ListPaging: what offset means to the first generation's querylistbydate.
	Gen1ListPaging ListPaging `json:"gen1_list_paging"`
	// Gen2Refusals: where the second generation puts a business code.
	Gen2Refusals RefusalShape `json:"gen2_refusals"`
	// Unguarded makes the platform forget that a voucher was consumed: another
	// consume of it, unless it repeats a requestid, takes effect again. The real
	// platform guards against that and so hides a client that would consume
	// twice; without the guard [Platform.TwiceConsumed] finds it.
	Unguarded bool `json:"unguarded"`

	// OldToken: what a refresh makes of the access token that it replaces.
	OldToken OldToken `json:"old_token"`
	// OldRefresh: what a refresh makes of the refresh token that it replaces.
	OldRefresh OldRefresh `json:"old_refresh"`
	// OAuthRefusals: where the second generation's calls for tokens put a code.
	OAuthRefusals OAuthRefusals `json:"oauth_refusals"`
	// ShopPaging: what offset means to session/scope and pageQueryPoiList.
	ShopPaging ListPaging `json:"shop_paging"`

	// For tokens made from now on.
	SessionLife      time.Duration `json:"session_life_ns"`   // of an access token; 0: 30 days
	RefreshLife      time.Duration `json:"refresh_life_ns"`   // second generation, of a refresh token; 0: 35 days
	RefreshAllowance int           `json:"refresh_allowance"` // first generation, right after authorisation; 0: 12
}

// ListPaging is a value of [Knobs].
type ListPaging string

// What an offset counts.
const (
	PagingRows  ListPaging = "rows"  // rows to skip, from 0
	PagingPages ListPaging = "pages" // pages, from 1; 0 is the first page too
	PagingNone  ListPaging = "none"  // nothing, all rows come at once; lists of shops only
)

// RefusalShape is a value of [Knobs].
type RefusalShape string

// Where the second generation tells a business code.
const (
	RefusalBizError   RefusalShape = "biz_error"   // code OP_BIZ_ERROR, the number in data.code
	RefusalCodeText   RefusalShape = "code_text"   // top-level code "1008"
	RefusalCodeNumber RefusalShape = "code_number" // top-level code 1008
)

// OldToken is a value of [Knobs].
type OldToken string

// What becomes of an access token that was replaced.
const (
	OldTokenDies  OldToken = "dies"  // it expires at once
	OldTokenGrace OldToken = "grace" // it expires an hour later, if not by itself before
)

// OldRefresh is a value of [Knobs].
type OldRefresh string

// What becomes of a refresh token that was replaced.
const (
	OldRefreshDies      OldRefresh = "dies"       // it is refused
	OldRefreshUntilUsed OldRefresh = "until_used" // it gets the new pair again, until that is used for anything
)

// OAuthRefusals is a value of [Knobs].
type OAuthRefusals string

// Where the second generation's calls for tokens tell why not.
const (
	OAuthNumber  OAuthRefusals = "number"  // top-level code 5
	OAuthGateway OAuthRefusals = "gateway" // code OP_UNIAUTH_FAILED, the number in data.code
)

func (k Knobs) check() error {
	return firstError(
		oneOf("repeat_answer", k.RepeatAnswer, RepeatAnswers...),
		notNegative("request_life_ns", int64(k.RequestLife)),
		oneOf("no_record", k.NoRecord, NoRecords...),
		oneOf("verify_time", k.VerifyTime, VerifyTimes...),
		oneOf("verify_account", k.VerifyAccount, VerifyAccounts...),
		oneOf("visit_record", k.VisitRecord, VisitRecords...),
		oneOf("visit_rows", k.VisitRows, VisitRowForms...),
		oneOf("visit_price", k.VisitPrice, VisitPrices...),
		oneOf("prices", k.Prices, PriceForms...),
		oneOf("gen1_list_paging", k.Gen1ListPaging, PagingRows, PagingPages),
		oneOf("gen2_refusals", k.Gen2Refusals, RefusalBizError, RefusalCodeText, RefusalCodeNumber),
		oneOf("old_token", k.OldToken, OldTokenDies, OldTokenGrace),
		oneOf("old_refresh", k.OldRefresh, OldRefreshDies, OldRefreshUntilUsed),
		oneOf("oauth_refusals", k.OAuthRefusals, OAuthNumber, OAuthGateway),
		oneOf("shop_paging", k.ShopPaging, PagingRows, PagingPages, PagingNone),
		notNegative("session_life_ns", int64(k.SessionLife)),
		notNegative("refresh_life_ns", int64(k.RefreshLife)),
		notNegative("refresh_allowance", int64(k.RefreshAllowance)),
	)
}

func oneOf[T ~string](name string, value T, known ...T) error {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("dianpingtest: unknown %s %q", name, string(value))
}

func notNegative(name string, value int64) error {
	if value < 0 {
		return fmt.Errorf("dianpingtest: %s is negative", name)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Knobs returns the current settings.
func (p *Platform) Knobs() Knobs {
	p.core.Lock()
	defer p.core.Unlock()
	return p.knobs
}

// SetKnobs replaces the settings.
func (p *Platform) SetKnobs(k Knobs) error {
	if err := k.check(); err != nil {
		return err
	}
	p.core.Lock()
	defer p.core.Unlock()
	p.knobs = k
	p.core.Bump()
	return nil
}
