package redeem

import (
	"testing"
	"time"

	"yanquan/bot/platform"
	"yanquan/models"
)

var two = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// at is so long after two o'clock.
func at(d time.Duration) time.Time { return two.Add(d) }

// doubtful is an operation that was called then.
func doubtful(called time.Duration) models.Operation {
	return models.Operation{
		ID: "op", StoreID: 1, Code: code, Count: 1, State: models.Unknown, UserID: "zhangsan", User: "张三",
		CreatedAt: at(called - time.Second), CalledAt: at(called), SentAt: at(called),
	}
}

// verified is another operation on the code.
func verified(id string, consumed time.Duration, state models.State) models.Operation {
	op := doubtful(consumed)
	op.ID, op.State, op.ConsumedAt = id, state, at(consumed)
	return op
}

// ofSeveral is one that was asked for another code of the order, and told this one too.
func ofSeveral(id string, consumed time.Duration) models.Operation {
	op := verified(id, consumed, models.Done)
	op.Code, op.Count = "7000000001", 2
	return op
}

func rec(d time.Duration, account string) platform.Record {
	return platform.Record{Code: code, At: at(d), Account: account}
}

func foreign(d time.Duration, account string) platform.Record {
	r := rec(d, account)
	r.Foreign = true
	return r
}

func TestWhose(t *testing.T) {
	t.Parallel()
	const call = 10 * time.Minute
	untimed := platform.Record{Code: code, Account: "zhangsan"}
	for _, tt := range []struct {
		name     string
		others   []models.Operation
		reusable bool
		rec      platform.Record
		want     claim
		other    string
	}{
		{"by us, just now", nil, false, rec(call+time.Second, "zhangsan"), ours, ""},
		{"by us, by name", nil, false, rec(call, "张三"), ours, ""},
		{"by us, another case", nil, false, rec(call, "ZhangSan"), ours, ""},
		{"by us, the platform's clock is late", nil, false, rec(call-20*time.Minute, "zhangsan"), ours, ""},
		{"by us, long before", nil, false, rec(call-31*time.Minute, "zhangsan"), theirs, ""},
		{"by us, no time", nil, false, untimed, ours, ""},
		{"by a colleague", nil, false, rec(call, "lisi"), theirs, ""},
		{"at the till", nil, false, foreign(call, "till-3"), theirs, ""},
		{"at the till, by our person", nil, false, foreign(call, "zhangsan"), unclear, ""},
		{"by an unknown account", nil, false, rec(call, "merchant"), unclear, ""},
		{"by nobody", nil, false, rec(call, ""), unclear, ""},
		{"another operation has the only one", []models.Operation{verified("b", call, models.Done)}, false, rec(call, "zhangsan"), theirs, "b"},
		{"another operation has it as one of several, no time", []models.Operation{ofSeveral("b", call)}, false, untimed, theirs, "b"},
		{"another operation was asked for it, no time", []models.Operation{verified("b", call, models.Done)}, false, untimed, unclear, ""},
		{"that was undone", []models.Operation{verified("b", call, models.Undone)}, false, rec(call+time.Second, "zhangsan"), ours, ""},

		{"an earlier visit, to the second", []models.Operation{verified("b", call-time.Minute, models.Done)}, true, rec(call-time.Minute, "zhangsan"), theirs, "b"},
		{"an earlier visit, a second off", []models.Operation{verified("b", call-time.Minute, models.Done)}, true, rec(call-59*time.Second, "zhangsan"), unclear, ""},
		{"ours, with a visit a minute before", []models.Operation{verified("b", call-time.Minute, models.Done)}, true, rec(call+time.Second, "zhangsan"), unclear, ""},
		{"ours, with a visit long before", []models.Operation{verified("b", call-9*time.Minute, models.Done)}, true, rec(call+time.Second, "zhangsan"), unclear, ""},
		{"ours, with a visit the hour before", []models.Operation{verified("b", call-time.Hour, models.Done)}, true, rec(call+time.Second, "zhangsan"), ours, ""},
		{"a visit long before", []models.Operation{verified("b", call-9*time.Minute, models.Done)}, true, rec(call-9*time.Minute+2*time.Second, "zhangsan"), theirs, "b"},
		{"neither's time", []models.Operation{verified("b", call-9*time.Minute, models.Done)}, true, rec(call-5*time.Minute, "zhangsan"), unclear, ""},
		{"at the till, between", []models.Operation{verified("b", call-9*time.Minute, models.Done)}, true, foreign(call-5*time.Minute, "till-3"), theirs, ""},
		{"a visit, no time", []models.Operation{verified("b", call-9*time.Minute, models.Done)}, true, untimed, unclear, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op := doubtful(call)
			op.Reusable = tt.reusable
			b := books{others: tt.others, colleague: map[string]bool{"lisi": true}}
			got, other := b.whose(op, tt.rec)
			id := ""
			if other != nil {
				id = other.ID
			}
			if got != tt.want || id != tt.other {
				t.Errorf("%d by %q, want %d by %q", got, id, tt.want, tt.other)
			}
		})
	}
}

// Books that name nobody: what nothing else explains is ours.
func TestOfUses(t *testing.T) {
	t.Parallel()
	const call = 10 * time.Minute
	use := func(handle string, d time.Duration) platform.Record {
		return platform.Record{Code: code, At: at(d), Handle: handle}
	}
	till := use("a", call)
	till.Foreign = true
	doubt := doubtful(call + time.Second)
	closed := verified("b", call+time.Minute, models.Done)
	for _, tt := range []struct {
		name   string
		owned  []string
		rivals []models.Operation
		uses   []platform.Record
		want   claim
		mine   int
	}{
		{"none", nil, nil, nil, theirs, 0},
		{"one", nil, nil, []platform.Record{use("a", call+time.Second)}, ours, 1},
		{"one, no time", nil, nil, []platform.Record{{Handle: "a"}}, ours, 1},
		{"one, two days later", nil, nil, []platform.Record{use("a", call+48*time.Hour)}, ours, 1},
		{"both", nil, nil, []platform.Record{use("a", call), use("b", call)}, ours, 2},
		{"one more than was asked for", nil, nil, []platform.Record{use("a", call), use("b", call), use("c", call)}, unclear, 0},
		{"at the till", nil, nil, []platform.Record{till}, theirs, 0},
		{"at the till, and one", nil, nil, []platform.Record{till, use("b", call)}, ours, 1},
		{"long before", nil, nil, []platform.Record{use("a", call-31*time.Minute)}, theirs, 0},
		{"another operation's", []string{"a"}, nil, []platform.Record{use("a", call)}, theirs, 0},
		{"another operation's, and one", []string{"a"}, nil, []platform.Record{use("a", call), use("b", call)}, ours, 1},
		{"somebody else's in doubt", nil, []models.Operation{doubt}, []platform.Record{use("a", call)}, unclear, 1},
		{"a doubt that came later", nil, []models.Operation{doubtful(call + time.Hour)}, []platform.Record{use("a", call)}, ours, 1},
		{"one that a person closed then", nil, []models.Operation{closed}, []platform.Record{use("a", call)}, unclear, 1},
		{"one that a person closed before", nil, []models.Operation{verified("b", 0, models.Done)}, []platform.Record{use("a", call)}, ours, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op := doubtful(call)
			op.Count = 2
			b := books{rivals: tt.rivals, owner: map[string]*models.Operation{}}
			for _, h := range tt.owned {
				b.owner[h] = &models.Operation{ID: "b"}
			}
			if got, mine := b.ofUses(op, tt.uses); got != tt.want || len(mine) != tt.mine {
				t.Errorf("%d, %d uses; want %d, %d", got, len(mine), tt.want, tt.mine)
			}
		})
	}
}

func TestVisit(t *testing.T) {
	t.Parallel()
	const call = 10 * time.Minute
	minute := verified("b", call-time.Minute, models.Done)
	gone := verified("c", call-5*time.Minute, models.Undone)
	for _, tt := range []struct {
		name    string
		others  []models.Operation
		records []platform.Record
		want    claim
		at      time.Duration
	}{
		{"none", nil, nil, theirs, 0},
		{"ours alone", nil, []platform.Record{rec(call+time.Second, "zhangsan")}, ours, call + time.Second},
		{"the visit of a minute before", []models.Operation{minute}, []platform.Record{rec(call-59*time.Second, "zhangsan")}, theirs, 0},
		{"both", []models.Operation{minute}, []platform.Record{rec(call+time.Second, "zhangsan"), rec(call-59*time.Second, "zhangsan")}, ours, call + time.Second},
		{"both, the clock 5 minutes ahead", []models.Operation{minute}, []platform.Record{rec(call+4*time.Minute, "zhangsan"), rec(call+5*time.Minute, "zhangsan")}, ours, call + 5*time.Minute},
		{"the till's and a colleague's", nil, []platform.Record{foreign(call, "till-3"), rec(call+time.Second, "lisi")}, theirs, 0},
		{"the till's and ours", nil, []platform.Record{foreign(call, "till-3"), rec(call+time.Second, "zhangsan")}, ours, call + time.Second},
		{"an unknown account's", nil, []platform.Record{rec(call, "merchant")}, unclear, 0},
		{"ours and an unknown account's", nil, []platform.Record{rec(call, "zhangsan"), rec(call+2*time.Second, "merchant")}, unclear, 0},
		{"two that could be", nil, []platform.Record{rec(call, "zhangsan"), rec(call+2*time.Second, "zhangsan")}, unclear, 0},
		{"undone, and listed all the same", []models.Operation{gone}, []platform.Record{rec(call-5*time.Minute, "zhangsan")}, theirs, 0},
		{"undone, and gone", []models.Operation{gone}, []platform.Record{rec(call+time.Second, "zhangsan")}, ours, call + time.Second},
		{"another code's", nil, []platform.Record{{Code: "7000000001", At: at(call), Account: "zhangsan"}}, theirs, 0},
		{"the hour before", nil, []platform.Record{rec(call-time.Hour, "zhangsan")}, theirs, 0},
		{"our person's of before", nil, []platform.Record{rec(call-3*time.Minute, "zhangsan")}, unclear, 0},
		{"our person's of before, and ours", nil, []platform.Record{rec(call-3*time.Minute, "zhangsan"), rec(call, "zhangsan")}, ours, call},
		{"our person's at the till", nil, []platform.Record{foreign(call, "zhangsan")}, unclear, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op := doubtful(call)
			op.Reusable = true
			b := books{others: tt.others, colleague: map[string]bool{"lisi": true}}
			got, r := b.visit(op, tt.records, 0, false)
			if got != tt.want || got == ours && !r.At.Equal(at(tt.at)) {
				t.Errorf("%d at %s, want %d at %s", got, r.At, tt.want, at(tt.at))
			}
		})
	}
}

// How many visits were made since our look says which of the records cannot be ours.
func TestVisitByWhatIsLeft(t *testing.T) {
	t.Parallel()
	const call = 10 * time.Minute
	before, mine := rec(call-time.Minute, "zhangsan"), rec(call+time.Second, "zhangsan")
	till := foreign(call+time.Second, "till-3")
	first := verified("b", call-time.Minute, models.Done)
	there := verified("c", call+time.Second, models.Done)
	there.StoreID = 2
	for _, tt := range []struct {
		name    string
		others  []models.Operation
		left    int // of five at the look
		records []platform.Record
		want    claim
		took    int
	}{
		{"nothing is gone", nil, 5, []platform.Record{before}, theirs, 0},
		{"more is left than was", nil, 6, []platform.Record{before}, theirs, 0},
		{"nothing is gone, and ours all the same", nil, 5, []platform.Record{before, mine}, ours, 1},
		{"nothing is gone, and one since that names nobody", nil, 5, []platform.Record{before, rec(call+time.Second, "merchant")}, unclear, 0},
		{"one is gone, ours", nil, 4, []platform.Record{before, mine}, ours, 1},
		{"one is gone, at the till", nil, 4, []platform.Record{before, till}, theirs, 0},
		{"two are gone, one at the till", nil, 3, []platform.Record{before, rec(call, "zhangsan"), till}, ours, 1},
		{"two are gone, ours", nil, 3, []platform.Record{before, mine, mine}, ours, 2},
		{"two are gone, ours alone", nil, 3, []platform.Record{mine, mine}, ours, 2},
		{"two are gone, listed as one", nil, 3, []platform.Record{rec(call-5*time.Minute, "zhangsan"), mine}, ours, 2},
		{"one is gone that is not listed", []models.Operation{first}, 4, []platform.Record{before}, theirs, 0},
		{"one is gone at another shop", []models.Operation{there}, 4, []platform.Record{before}, theirs, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op := doubtful(call)
			op.Reusable, op.Left, op.Count = true, 5, 2
			b := books{others: tt.others}
			looked := platform.Looked{Proves: platform.Usable, Voucher: platform.Voucher{Code: code, Left: tt.left}}
			gone, known := b.sinceLook(op, looked)
			got, found := b.visit(op, tt.records, gone, known)
			if got != tt.want || got == ours && took(op, tt.records, found, gone) != tt.took {
				t.Errorf("%d, %d of %d gone; want %d, %d", got, took(op, tt.records, found, gone), gone, tt.want, tt.took)
			}
		})
	}
}

func TestFate(t *testing.T) {
	t.Parallel()
	const visit = 10 * time.Minute
	before := verified("b", visit-4*time.Minute, models.Done)
	minute := verified("b", visit-time.Minute, models.Done)
	merchants := func(d time.Duration) platform.Record {
		r := rec(d, "merchant")
		r.Interface = true
		return r
	}
	for _, tt := range []struct {
		name    string
		others  []models.Operation
		records []platform.Record
		want    state
	}{
		{"gone", nil, nil, isUndone},
		{"there", nil, []platform.Record{rec(visit, "zhangsan")}, isUsed},
		{"there, a second off", nil, []platform.Record{rec(visit+time.Second, "zhangsan")}, isUsed},
		{"only the one before", []models.Operation{before}, []platform.Record{rec(visit-4*time.Minute, "zhangsan")}, isUndone},
		{"only the one of a minute before", []models.Operation{minute}, []platform.Record{rec(visit-59*time.Second, "zhangsan")}, isUndone},
		{"both", []models.Operation{minute}, []platform.Record{rec(visit-time.Minute, "zhangsan"), rec(visit, "zhangsan")}, isUsed},
		{"under a later one", nil, []platform.Record{rec(visit, "zhangsan"), foreign(visit+time.Minute, "till-3")}, isCovered},
		{"gone, and a later one", nil, []platform.Record{foreign(visit+time.Minute, "till-3")}, isUndone},
		{"gone, and a colleague's", nil, []platform.Record{rec(visit+time.Minute, "lisi")}, isUndone},

		{"no operator, no channel", nil, []platform.Record{rec(visit+time.Second, "merchant")}, notKnown},
		{"no operator", nil, []platform.Record{merchants(visit + 2*time.Second)}, isUsed},
		{"no operator, the clock is late", nil, []platform.Record{merchants(visit - 2*time.Second)}, isUsed},
		{"no operator, far off", nil, []platform.Record{merchants(visit - 5*time.Minute)}, notKnown},
		{"no operator, before the one at the till", nil, []platform.Record{merchants(visit + 2*time.Second), foreign(visit+time.Minute, "till-3")}, isCovered},
		{"no operator, and another", nil, []platform.Record{merchants(visit + 2*time.Second), merchants(visit + time.Minute)}, notKnown},
		{"no operator, and another later", nil, []platform.Record{merchants(visit + 2*time.Second), merchants(visit + 3*time.Minute)}, isCovered},
		{"no operator, one of two", []models.Operation{minute}, []platform.Record{merchants(visit - 58*time.Second)}, notKnown},
		{"no operator, both", []models.Operation{minute}, []platform.Record{merchants(visit - 58*time.Second), merchants(visit + 2*time.Second)}, isUsed},
		{"no operator, both, and the other is later", []models.Operation{verified("b", visit+time.Minute, models.Done)}, []platform.Record{merchants(visit + 2*time.Second), merchants(visit + 62*time.Second)}, isCovered},
		{"another clock, by name", nil, []platform.Record{rec(visit+5*time.Minute, "zhangsan")}, isCovered},
		{"another clock, by name, early", nil, []platform.Record{rec(visit-5*time.Minute, "zhangsan")}, notKnown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op := verified("op", visit, models.UndoUnknown)
			if got := (books{others: tt.others, colleague: map[string]bool{"lisi": true}}).fate(op, tt.records); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// A list is believed only where what must be there is.
func TestCovers(t *testing.T) {
	t.Parallel()
	op := doubtful(10 * time.Minute)
	b := books{others: []models.Operation{verified("b", time.Minute, models.Done), verified("c", -48*time.Hour, models.Done)}}
	shown := rec(time.Minute, "zhangsan")
	for _, tt := range []struct {
		records []platform.Record
		shown   platform.Record
		want    bool
	}{
		{nil, platform.Record{}, false},
		{[]platform.Record{rec(time.Minute, "zhangsan")}, platform.Record{}, true},
		{[]platform.Record{rec(time.Minute, "zhangsan")}, shown, true},
		{[]platform.Record{rec(2*time.Minute, "zhangsan")}, shown, false},
	} {
		if got := b.covers(op, tt.records, tt.shown, dayOf(op.CalledAt)); got != tt.want {
			t.Errorf("%v with %v shown: %v", tt.records, tt.shown, got)
		}
	}
}

func TestSiblings(t *testing.T) {
	t.Parallel()
	row := func(code string, d time.Duration, account string, deal int64) platform.Record {
		return platform.Record{Code: code, At: at(d), Account: account, DealID: deal}
	}
	op := doubtful(0)
	records := []platform.Record{
		row(code, time.Second, "zhangsan", 7), row("1", 2*time.Second, "zhangsan", 7), row("2", time.Minute, "zhangsan", 7),
		row("3", time.Second, "lisi", 7), row("4", time.Second, "zhangsan", 8), row("5", time.Second, "zhangsan", 7), row("6", time.Second, "zhangsan", 7),
	}
	found := siblings(op, []platform.Coupon{{Code: code}, {Code: "6"}}, records, func(code string) bool { return code != "5" })
	if len(found) != 1 || found[0].Code != "1" {
		t.Errorf("found %+v", found)
	}
	if found := siblings(op, nil, records[1:], func(string) bool { return true }); found != nil {
		t.Errorf("without a record of its own: %+v", found)
	}
}

func TestCanUndo(t *testing.T) {
	t.Parallel()
	for _, state := range []models.State{models.Calling, models.Unknown, models.Rejected, models.Undoing, models.UndoUnknown, models.Undone} {
		if v := CanUndo(models.Operation{State: state, UndoUntil: at(time.Minute)}, two); v != NotDone {
			t.Errorf("%s: %s", state, v)
		}
	}
	op := models.Operation{State: models.Done, UndoUntil: at(time.Minute)}
	late, closed, superseded := op, op, op
	late.UndoUntil, closed.UndoReason, superseded.Superseded = two, ReasonUndoLate, true
	for v, op := range map[Verdict]models.Operation{Undoable: op, TooLate: late, Closed: closed, Superseded: superseded} {
		if got := CanUndo(op, two); got != v {
			t.Errorf("%s, want %s", got, v)
		}
	}
}
