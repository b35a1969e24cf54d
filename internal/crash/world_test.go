package crash

import (
	"fmt"
	"math/rand/v2"

	"yanquan/dianping/dianpingtest"
)

// douyin is the name of that platform, beside those of the dialects.
const douyin = "douyin"

// world is a store with its groups and people, and the platforms that it has accounts at.
type world struct {
	name      string
	letter    string // that its people and groups begin with
	platforms []string
}

var worlds = []world{
	{string(dianpingtest.Dianping), "d", []string{string(dianpingtest.Dianping)}},
	{string(dianpingtest.Meituan), "m", []string{string(dianpingtest.Meituan)}},
	{douyin, "y", []string{douyin}},
	{"both", "b", []string{string(dianpingtest.Meituan), douyin}},
}

const (
	cohorts         = 12 // groups of people; a round has one, so that nobody gets over 30 messages a minute
	peoplePerCohort = 3
)

func (w world) user(cohort, i int) string { return fmt.Sprintf("%s%02d%c", w.letter, cohort, 'a'+i) }
func (w world) chat(cohort int) string    { return fmt.Sprintf("wr%s%02d", w.letter, cohort) }
func named(userid string) string          { return "员工" + userid }

// shop is the store's id at a platform.
func (w world) shop(platform string) string {
	if platform == douyin {
		return fmt.Sprintf("70000000000000000%02d", w.letter[0]-'a')
	}
	return "shop-" + w.letter
}

// session is what the store's shop is opened by; Douyin has none.
func (w world) session(platform string) string {
	if platform == douyin {
		return ""
	}
	return "session-" + w.letter + "-Qp93mMvA"
}

// account is the store's at a platform, as the configuration has it.
func (w world) account(platform string) string {
	if platform == douyin {
		return fmt.Sprintf(`platform: douyin, shop_id: "%s"`, w.shop(platform))
	}
	return fmt.Sprintf("platform: %s, shop_id: %s, session: %s", platform, w.shop(platform), w.session(platform))
}

// ambiguous is a length of codes that tells nothing of their platform.
const ambiguous = 12

// code makes a voucher code of a platform whose last four digits no other has.
func (l *lane) code(random *rand.Rand, platform string) string {
	l.tail++
	tail := l.tail % 10000
	switch {
	case platform != douyin:
		return fmt.Sprintf("7%05d%04d", random.IntN(100000), tail)
	case random.IntN(3) == 0:
		return fmt.Sprintf("10%09d%04d", random.IntN(1000000000), tail)
	}
	return fmt.Sprintf("10%06d%04d", random.IntN(1000000), tail)
}
