package demo

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"yanquan/dianping/dianpingtest"
)

// calm is the mischief that is none.
const calm = "none"

// mischief is a way in which the platform can misbehave.
type mischief struct {
	ID     string               `json:"id"`
	Name   string               `json:"name"`
	Hint   string               `json:"hint"`
	faults []dianpingtest.Fault // until cleared, or until they are used up
}

const untilCleared = -1

var mischiefs = []mischief{
	{ID: calm, Name: "正常", Hint: "平台一切正常。"},
	{
		ID: "hang", Name: "超时但已核销", Hint: "下一次核销：平台扣了券，但回答丢了。先看到「核验中」，几秒后自动查清，不会重复核销。",
		faults: []dianpingtest.Fault{{Kind: dianpingtest.ApplyThenHang, Call: "consume", Times: 1}},
	},
	{
		ID: "drop", Name: "断开", Hint: "核销和撤销发出后连接就断，券没有动。改回「正常」后，核验中的会自动办完。",
		faults: []dianpingtest.Fault{
			{Kind: dianpingtest.HangThenDrop, Call: "consume", Times: untilCleared},
			{Kind: dianpingtest.HangThenDrop, Call: "reverseconsume", Times: untilCleared},
		},
	},
	{
		ID: "500", Name: "500", Hint: "平台对什么都回答 500，直到改回「正常」。",
		faults: []dianpingtest.Fault{{Kind: dianpingtest.Status5xx, Status: http.StatusInternalServerError, Times: untilCleared}},
	},
	{
		ID: "slow", Name: "慢 3 秒", Hint: "平台每次都过 3 秒才回答，直到改回「正常」。",
		faults: []dianpingtest.Fault{{Kind: dianpingtest.Delay, Delay: 3 * time.Second, Times: untilCleared}},
	},
}

// misbehave makes the shop's platform do so from now on.
func (s *shop) misbehave(id string) error {
	if s.main != nil {
		return s.main.misbehave(id)
	}
	i := slices.IndexFunc(mischiefs, func(m mischief) bool { return m.ID == id })
	if i < 0 {
		return badRequest("没有这种捣乱。")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.platform.ClearFaults()
	s.mood = id
	for _, f := range mischiefs[i].faults {
		if err := s.platform.Fail(f); err != nil {
			return fmt.Errorf("demo: mischief: %w", err)
		}
	}
	return nil
}

// mischief is what is going on now: once the faults are used up, nothing is.
func (s *shop) mischief() string {
	if s.main != nil {
		return s.main.mischief()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.platform.Faults()) == 0 {
		return calm
	}
	return s.mood
}
