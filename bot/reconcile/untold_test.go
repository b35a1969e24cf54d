package reconcile

import (
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

// What the platform lists of a call is that call's, also where the journal has no code of it.
func TestCompareUntold(t *testing.T) {
	t.Parallel()
	const deal = 11
	ours := func(when time.Time, codes ...string) (list []Entry) {
		for _, c := range codes {
			e := entry(codes[0], 100, when)
			e.Code, e.Asked, e.DealID = c, codes[0], deal
			list = append(list, e)
		}
		return list
	}
	there := func(code string, when time.Time, change ...func(*platform.Record)) platform.Record {
		r := listed(code, 100, when)
		r.DealID = deal
		for _, do := range change {
			do(&r)
		}
		return r
	}
	other := func(r *platform.Record) { r.DealID = 12 }
	lisi := func(r *platform.Record) { r.Account = "lisi" }
	till := func(r *platform.Record) { r.Channel, r.Interface, r.Foreign, r.Account = "1", false, true, "till" }
	use := func(r *platform.Record) { r.Handle = "use/" + r.Code }
	gone := func(r *platform.Record) { r.Handle, r.Undone = "use/"+r.Code, true }
	nine, skewed := at(9, 0), at(9, 20)
	standing := func(list []Entry, s Standing, which ...int) []Entry {
		for _, i := range which {
			list[i].Standing = s
		}
		return list
	}
	for name, c := range map[string]struct {
		list []platform.Record
		ours []Entry
		want string
	}{
		"two of three":          {[]platform.Record{there("8", nine), there("7", nine)}, ours(nine, "7", "", ""), "平台 2 笔 = 机器人 2；还没有结果 1 笔\ndoubtful 7"},
		"clocks apart":          {[]platform.Record{there("7", skewed), there("8", skewed)}, ours(nine, "7", ""), "平台 2 笔 = 机器人 2"},
		"not in the list":       {nil, ours(nine, "7", ""), "平台 0 笔 = 机器人 0；平台没有 1 笔；还没有结果 1 笔\nonly_ours 7\ndoubtful 7"},
		"another deal":          {[]platform.Record{there("7", nine), there("8", nine, other)}, ours(nine, "7", ""), "平台 2 笔 = 机器人 1 + 其他系统 1；还没有结果 1 笔\ndoubtful 7\nother_system 8"},
		"another person":        {[]platform.Record{there("7", skewed), there("8", skewed, lisi)}, ours(nine, "7", ""), "平台 2 笔 = 机器人 1 + 其他系统 1；还没有结果 1 笔\ndoubtful 7\nother_system 8"},
		"at the till":           {[]platform.Record{there("7", nine), there("8", nine, till)}, ours(nine, "7", ""), "平台 2 笔 = 机器人 1 + 店内 1；还没有结果 1 笔\ndoubtful 7\nin_shop 8"},
		"one more":              {[]platform.Record{there("7", nine), there("8", nine), there("9", nine)}, ours(nine, "7", ""), "平台 3 笔 = 机器人 2 + 其他系统 1\nother_system 9"},
		"of which code is told": {[]platform.Record{there("8", nine), there("7", nine)}, append(ours(nine, "7", ""), ours(nine, "8")...), "平台 2 笔 = 机器人 2；还没有结果 1 笔\ndoubtful 7"},
		"the other undone":      {[]platform.Record{there("8", nine)}, standing(ours(nine, "7", ""), WasUndone, 0), "平台 1 笔 = 机器人 1"},
		"neighbouring days":     {nil, append(ours(at(0, 0).Add(-time.Second), "", ""), ours(at(23, 59).Add(time.Minute), "")...), "平台 0 笔 = 机器人 0"},
		"in doubt":              {[]platform.Record{there("7", skewed), there("8", skewed)}, standing(ours(nine, "7", "", ""), InDoubt, 0, 1, 2), "平台 2 笔 = 机器人 0 + 待确认 2；还没有结果 1 笔\ndoubtful 7\ndoubtful 7\ndoubtful 8"},
		"by handles":            {[]platform.Record{there("", nine, use), there("", nine, use)}, ours(nine, "7", ""), "平台 2 笔 = 机器人 2"},
		"undone there":          {[]platform.Record{there("7", nine), there("8", nine, gone)}, ours(nine, "7", ""), "平台 1 笔 = 机器人 1；平台已撤销 1 笔\nundone_there 8"},
		"no code in the list":   {[]platform.Record{there("", at(12, 0))}, ours(nine, "7", ""), "平台 1 笔 = 机器人 0 + 其他系统 1；平台没有 1 笔；还没有结果 1 笔\nonly_ours 7\ndoubtful 7\nother_system "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := compare(t, c.list, c.ours)
			same(t, summary(got), c.want)
			for _, q := range got.asked {
				if q.entry.Code == "" && q.entry.Handle == "" {
					t.Error("the platform is asked about nothing")
				}
			}
		})
	}
}

// A doubt about several is about each.
func TestDoubtOfSeveral(t *testing.T) {
	t.Parallel()
	op := models.Operation{ID: "o", Code: "7", Count: 3, PriceFen: 100, CreatedAt: at(9, 0)}
	codes := func() (list []string) {
		for _, e := range doubtful(op) {
			if e.Price.Fen != 100 || e.Standing != InDoubt || e.Asked != "7" {
				t.Errorf("%+v", e)
			}
			list = append(list, e.Code)
		}
		return list
	}
	same(t, codes(), []string{"7", "", ""})
	op.Reusable = true
	same(t, codes(), []string{"7", "7", "7"})
	op.Count = 0
	same(t, codes(), []string{"7"})
}
