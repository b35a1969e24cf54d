package reconcile

import (
	"context"
	"testing"

	"yanquan/bot/platform"
	"yanquan/dianping"
)

// answers is a shop that answers questions about one code, in turn; the last goes on.
type answers struct {
	platform.Shop
	records []platform.Recorded
	look    platform.Looked
	looks   int
}

func (a *answers) Record(context.Context, platform.Coupon) platform.Recorded {
	r := a.records[0]
	if len(a.records) > 1 {
		a.records = a.records[1:]
	}
	return r
}

func (a *answers) Look(context.Context, string) platform.Looked {
	a.looks++
	return a.look
}

// That a platform has no record of what the journal has is believed where another answer
// says so, too.
func TestAskTwice(t *testing.T) {
	t.Parallel()
	none := platform.Recorded{Proves: platform.NotConsumed, Said: platform.Said{Class: string(dianping.Refused), Reason: string(dianping.NoRecord), Decided: true}}
	one := platform.Recorded{Proves: platform.Consumed, Record: platform.Record{Code: "7", At: at(9, 0)}}
	lost := platform.Said{Class: string(dianping.UnknownOutcome), Lost: true}
	refused := platform.Said{Class: string(dianping.Refused), Decided: true}
	const alarm, confirmed, doubtful = "平台 0 笔 = 机器人 0；平台没有 1 笔\nonly_ours 7", "平台 0 笔 = 机器人 0；单独查到 1 笔\nunlisted 7", "平台 0 笔 = 机器人 0；还没有结果 1 笔\ndoubtful 7"
	for name, c := range map[string]struct {
		records  []platform.Recorded
		look     platform.Looked
		reusable bool
		want     string // "": asked again later
	}{
		"it can be used":                         {[]platform.Recorded{none}, platform.Looked{Proves: platform.Usable}, false, alarm},
		"it is used":                             {[]platform.Recorded{none}, platform.Looked{Proves: platform.Used, Said: refused}, false, doubtful},
		"it is dead":                             {[]platform.Recorded{none}, platform.Looked{Proves: platform.Void, Said: refused}, false, alarm},
		"it is dead, and the record shows then":  {[]platform.Recorded{none, one}, platform.Looked{Proves: platform.Void, Said: refused}, false, confirmed},
		"that is not told":                       {[]platform.Recorded{none}, platform.Looked{Said: lost}, false, ""},
		"that is answered oddly":                 {[]platform.Recorded{none}, platform.Looked{Said: refused}, false, doubtful},
		"a card, with visits left":               {[]platform.Recorded{none}, platform.Looked{Proves: platform.Usable}, true, alarm},
		"a card, and its visit shows then":       {[]platform.Recorded{none, one}, platform.Looked{Proves: platform.Usable}, true, confirmed},
		"a card, as the look alone says":         {[]platform.Recorded{none, one}, platform.Looked{Proves: platform.Usable, Voucher: platform.Voucher{Reusable: true}}, false, confirmed},
		"a card that is used up":                 {[]platform.Recorded{none, one}, platform.Looked{Proves: platform.Used, Said: refused}, true, confirmed},
		"whose record is there":                  {[]platform.Recorded{one}, platform.Looked{}, false, confirmed},
		"of which every use is told, and no one": {[]platform.Recorded{{Proves: platform.NotConsumed, Complete: true}}, platform.Looked{}, false, alarm},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := entry("7", 100, at(9, 0))
			e.Reusable = c.reusable
			comparison := compare(t, nil, []Entry{e})
			shop := &answers{records: c.records, look: c.look}
			switch err := ask(t.Context(), shop, comparison); {
			case (err != nil) != (c.want == ""):
				t.Error(err)
			case err == nil:
				same(t, summary(comparison), c.want)
			}
		})
	}

	// What agrees with the journal needs no second answer.
	e := entry("7", 100, at(9, 0))
	e.Standing = WasUndone
	comparison := compare(t, []platform.Record{listed("7", 100, at(9, 0))}, []Entry{e})
	shop := &answers{records: []platform.Recorded{none}}
	if err := ask(t.Context(), shop, comparison); err != nil || shop.looks > 0 {
		t.Errorf("%v, %d looks", err, shop.looks)
	}
	same(t, summary(comparison), "平台 1 笔 = 机器人 0 + 已撤销 1\nundone 7")
}
