package platform_test

import (
	"testing"

	"yanquan/bot/platform"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for id, name := range map[string]string{"dianping": "大众点评", "meituan": "美团", "douyin": "抖音"} {
		if got := platform.Name(id); got != name || !platform.Known(id) {
			t.Errorf("%s is called %q, known: %v", id, got, platform.Known(id))
		}
	}
	if got := platform.Name("kuaishou"); got != "kuaishou" || platform.Known("kuaishou") || platform.Known("") {
		t.Errorf("a platform that is not known is called %q", got)
	}
}

func TestSameBooks(t *testing.T) {
	t.Parallel()
	for pair, same := range map[[2]string]bool{
		{"meituan", "meituan"}: true, {"meituan", "dianping"}: true, {"douyin", "douyin"}: true, {"meituan", "douyin"}: false, {"douyin", "dianping"}: false,
	} {
		if platform.SameBooks(pair[0], pair[1]) != same {
			t.Errorf("%v: not %v", pair, same)
		}
	}
}
