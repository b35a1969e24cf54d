package douyintest

import (
	"slices"
	"time"
)

// Choice is a value of a knob in [Knobs]. The empty one is the first that [Doubts]
// lists.
type Choice string

// Knobs choose between behaviours where the public facts leave a doubt, and
// change what lasts long. The package's comment explains the values of each.
type Knobs struct {
	RepeatAnswer    Choice `json:"repeat_answer"`
	DeadToken       Choice `json:"dead_token"`
	Prepares        Choice `json:"prepares"`
	Refusals        Choice `json:"refusals"`
	Unknown         Choice `json:"unknown"`
	UsedCode        Choice `json:"used_code"`
	WrongShop       Choice `json:"wrong_shop"`
	Expired         Choice `json:"expired"`
	StaleQR         Choice `json:"stale_qr"`
	EncryptedCodes  Choice `json:"encrypted_codes"`
	Lists           Choice `json:"lists"`
	EmptyLists      Choice `json:"empty_lists"`
	Numbers         Choice `json:"numbers"`
	IDs             Choice `json:"ids"`
	Times           Choice `json:"times"`
	HeldStatus      Choice `json:"held_status"`
	HeldType        Choice `json:"held_type"`
	CardStatus      Choice `json:"card_status"`
	VisitRows       Choice `json:"visit_rows"`
	OriginCode      Choice `json:"origin_code"`
	UndoCode        Choice `json:"undo_code"`
	RepeatUndo      Choice `json:"repeat_undo"`
	CancelResults   Choice `json:"cancel_results"`
	CanCancel       Choice `json:"can_cancel"`
	NoVerify        Choice `json:"no_verify"`
	UndoneVerify    Choice `json:"undone_verify"`
	RecordOrder     Choice `json:"record_order"`
	KickedToken     Choice `json:"kicked_token"`
	NoticeSignature Choice `json:"notice_signature"`
	NoticeContent   Choice `json:"notice_content"`
	Notices         Choice `json:"notices"`
	NoticeIDs       Choice `json:"notice_ids"`
	NoticeShops     Choice `json:"notice_shops"`

	// Absent and Null are fields that are left out of every answer's data, or are
	// null there, wherever they would stand; "extra" is the envelope's.
	Absent []string `json:"absent,omitempty"`
	Null   []string `json:"null,omitempty"`

	// VerifyTokenLife is how long a verify_token can be used and repeated; 0: for
	// ever.
	VerifyTokenLife time.Duration `json:"verify_token_life_ns"`
	// UndoEnds is an undo window that is over early, though the documents say an
	// hour; 0: it is not. See also [Platform.CloseUndo].
	UndoEnds time.Duration `json:"undo_ends_ns"`

	TokenLife  time.Duration `json:"token_life_ns"`  // of access tokens from now on; 0: 2 hours
	TokenGrace time.Duration `json:"token_grace_ns"` // of the one that is replaced; 0: 5 minutes
	TokenLimit int           `json:"token_limit"`    // of calls for tokens in 5 minutes; 0: 500

	// Unguarded makes the platform forget that a voucher was consumed: prepare
	// lists it, and another verify with a fresh token takes effect again. The real
	// platform guards against that and so hides a client that would consume twice;
	// without the guard [Platform.TwiceConsumed] finds it.
	Unguarded bool `json:"unguarded"`
}

// The values of the knobs.
const (
	SameAnswer    Choice = "same_answer"
	Result1208    Choice = "result_1208"
	Result2       Choice = "result_2"
	Bare1208      Choice = "bare_1208"
	Bare2         Choice = "bare_2"
	RepeatRefused Choice = "refused"
	TokenRefused  Choice = "token_refused"

	DeadTokenRefused   Choice = "refused"
	DeadTokenForgotten Choice = "forgotten"

	PreparesEach   Choice = "each"
	PreparesLatest Choice = "latest"

	RefusalBoth  Choice = "both"
	RefusalSub   Choice = "sub"
	RefusalData  Choice = "data"
	RefusalExtra Choice = "extra"
	RefusalRows  Choice = "rows"

	UnknownRefused Choice = "refused"
	UnknownEmpty   Choice = "empty"

	UsedCodeRefused  Choice = "refused"
	UsedCodeEmpty    Choice = "empty"
	UsedCodeSiblings Choice = "siblings"

	WrongShopAtPrepare Choice = "prepare"
	WrongShopAtVerify  Choice = "verify"

	ExpiredListed Choice = "listed"
	ExpiredHidden Choice = "hidden"

	StaleQRDynamic        Choice = "dynamic"
	StaleQRUndecipherable Choice = "undecipherable"
	StaleQRGone           Choice = "gone"

	EncryptedFresh    Choice = "fresh"
	EncryptedConstant Choice = "constant"

	ListsBoth  Choice = "both"
	ListsFirst Choice = "first"
	ListsV2    Choice = "v2"

	EmptyList       Choice = "list"
	EmptyListNull   Choice = "null"
	EmptyListAbsent Choice = "absent"

	NumbersPlain Choice = "number"
	NumbersText  Choice = "text"
	NumbersAll   Choice = "all_text"

	IDsText   Choice = "text"
	IDsNumber Choice = "number"

	TimesSeconds      Choice = "seconds"
	TimesMilliseconds Choice = "milliseconds"

	StatusUnused  Choice = "unused"
	StatusInitial Choice = "initial"
	StatusUsed    Choice = "used"

	HeldTypeInterface Choice = "interface"
	HeldTypeUntold    Choice = "untold"
	HeldTypeNamed     Choice = "named"
	HeldTypeUnnamed   Choice = "unnamed"

	RowPerVisit Choice = "per_visit"
	RowPerCode  Choice = "per_code"

	OriginCodeEach  Choice = "each"
	OriginCodeOrder Choice = "order"

	UndoCodeKept    Choice = "kept"
	UndoCodeChanged Choice = "changed"

	RepeatUndoRefused Choice = "refused"
	RepeatUndoSuccess Choice = "success"

	CancelResultsAbsent Choice = "absent"
	CancelResultsTold   Choice = "told"

	CanCancelTrue Choice = "true"
	CanCancelHour Choice = "hour"

	NoVerifyAbsent Choice = "absent"
	NoVerifyNull   Choice = "null"
	NoVerifyZero   Choice = "zero"

	UndoneVerifyGone Choice = "gone"
	UndoneVerifyKept Choice = "kept"

	RecordsNewest Choice = "newest"
	RecordsOldest Choice = "oldest"

	KickedInvalid Choice = "invalid"
	KickedExpired Choice = "expired"

	SignatureRight  Choice = "right"
	SignatureWrong  Choice = "wrong"
	SignatureAbsent Choice = "absent"

	ContentText   Choice = "text"
	ContentObject Choice = "object"

	NoticesSent Choice = "sent"
	NoticesLost Choice = "lost"

	NoticeIDEach   Choice = "each"
	NoticeIDAction Choice = "action"

	NoticeShopEach   Choice = "each"
	NoticeShopAbsent Choice = "absent"
)

// Doubt is a knob with all its values, the default first.
type Doubt struct {
	Name   string
	Values []Choice
	of     func(*Knobs) *Choice
}

// Set turns the knob.
func (d Doubt) Set(k *Knobs, c Choice) { *d.of(k) = c }

// Doubts are all knobs that have values, for tests that play every one.
var Doubts = []Doubt{
	{"repeat_answer", []Choice{SameAnswer, Result1208, Result2, Bare1208, Bare2, RepeatRefused, TokenRefused}, func(k *Knobs) *Choice { return &k.RepeatAnswer }},
	{"dead_token", []Choice{DeadTokenRefused, DeadTokenForgotten}, func(k *Knobs) *Choice { return &k.DeadToken }},
	{"prepares", []Choice{PreparesEach, PreparesLatest}, func(k *Knobs) *Choice { return &k.Prepares }},
	{"refusals", []Choice{RefusalBoth, RefusalSub, RefusalData, RefusalExtra, RefusalRows}, func(k *Knobs) *Choice { return &k.Refusals }},
	{"unknown", []Choice{UnknownRefused, UnknownEmpty}, func(k *Knobs) *Choice { return &k.Unknown }},
	{"used_code", []Choice{UsedCodeRefused, UsedCodeEmpty, UsedCodeSiblings}, func(k *Knobs) *Choice { return &k.UsedCode }},
	{"wrong_shop", []Choice{WrongShopAtPrepare, WrongShopAtVerify}, func(k *Knobs) *Choice { return &k.WrongShop }},
	{"expired", []Choice{ExpiredListed, ExpiredHidden}, func(k *Knobs) *Choice { return &k.Expired }},
	{"stale_qr", []Choice{StaleQRDynamic, StaleQRUndecipherable, StaleQRGone}, func(k *Knobs) *Choice { return &k.StaleQR }},
	{"encrypted_codes", []Choice{EncryptedFresh, EncryptedConstant}, func(k *Knobs) *Choice { return &k.EncryptedCodes }},
	{"lists", []Choice{ListsBoth, ListsFirst, ListsV2}, func(k *Knobs) *Choice { return &k.Lists }},
	{"empty_lists", []Choice{EmptyList, EmptyListNull, EmptyListAbsent}, func(k *Knobs) *Choice { return &k.EmptyLists }},
	{"numbers", []Choice{NumbersPlain, NumbersText, NumbersAll}, func(k *Knobs) *Choice { return &k.Numbers }},
	{"ids", []Choice{IDsText, IDsNumber}, func(k *Knobs) *Choice { return &k.IDs }},
	{"times", []Choice{TimesSeconds, TimesMilliseconds}, func(k *Knobs) *Choice { return &k.Times }},
	{"held_status", []Choice{StatusUnused, StatusInitial, StatusUsed}, func(k *Knobs) *Choice { return &k.HeldStatus }},
	{"held_type", []Choice{HeldTypeInterface, HeldTypeUntold, HeldTypeNamed, HeldTypeUnnamed}, func(k *Knobs) *Choice { return &k.HeldType }},
	{"card_status", []Choice{StatusUnused, StatusUsed}, func(k *Knobs) *Choice { return &k.CardStatus }},
	{"visit_rows", []Choice{RowPerVisit, RowPerCode}, func(k *Knobs) *Choice { return &k.VisitRows }},
	{"origin_code", []Choice{OriginCodeEach, OriginCodeOrder}, func(k *Knobs) *Choice { return &k.OriginCode }},
	{"undo_code", []Choice{UndoCodeKept, UndoCodeChanged}, func(k *Knobs) *Choice { return &k.UndoCode }},
	{"repeat_undo", []Choice{RepeatUndoRefused, RepeatUndoSuccess}, func(k *Knobs) *Choice { return &k.RepeatUndo }},
	{"cancel_results", []Choice{CancelResultsAbsent, CancelResultsTold}, func(k *Knobs) *Choice { return &k.CancelResults }},
	{"can_cancel", []Choice{CanCancelTrue, CanCancelHour}, func(k *Knobs) *Choice { return &k.CanCancel }},
	{"no_verify", []Choice{NoVerifyAbsent, NoVerifyNull, NoVerifyZero}, func(k *Knobs) *Choice { return &k.NoVerify }},
	{"undone_verify", []Choice{UndoneVerifyGone, UndoneVerifyKept}, func(k *Knobs) *Choice { return &k.UndoneVerify }},
	{"record_order", []Choice{RecordsNewest, RecordsOldest}, func(k *Knobs) *Choice { return &k.RecordOrder }},
	{"kicked_token", []Choice{KickedInvalid, KickedExpired}, func(k *Knobs) *Choice { return &k.KickedToken }},
	{"notice_signature", []Choice{SignatureRight, SignatureWrong, SignatureAbsent}, func(k *Knobs) *Choice { return &k.NoticeSignature }},
	{"notice_content", []Choice{ContentText, ContentObject}, func(k *Knobs) *Choice { return &k.NoticeContent }},
	{"notices", []Choice{NoticesSent, NoticesLost}, func(k *Knobs) *Choice { return &k.Notices }},
	{"notice_ids", []Choice{NoticeIDEach, NoticeIDAction}, func(k *Knobs) *Choice { return &k.NoticeIDs }},
	{"notice_shops", []Choice{NoticeShopEach, NoticeShopAbsent}, func(k *Knobs) *Choice { return &k.NoticeShops }},
}

func (k Knobs) check() error {
	for _, d := range Doubts {
		if c := *d.of(&k); c != "" && !slices.Contains(d.Values, c) {
			return failed("unknown %s %q", d.Name, string(c))
		}
	}
	if min(k.VerifyTokenLife, k.UndoEnds, k.TokenLife, k.TokenGrace) < 0 || k.TokenLimit < 0 {
		return failed("a knob is negative")
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
	k.Absent, k.Null = slices.Clone(k.Absent), slices.Clone(k.Null)
	return p.core.Change(func(time.Time) error {
		p.knobs = k
		return nil
	})
}
