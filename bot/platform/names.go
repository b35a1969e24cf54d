package platform

import "cmp"

// names are what people call the platforms.
var names = map[string]string{"dianping": "大众点评", "meituan": "美团", "douyin": "抖音"}

// Name is what people call a platform; of one that is not known, what it was given as.
func Name(platform string) string { return cmp.Or(names[platform], platform) }

// Known reports whether there is such a platform.
func Known(platform string) bool { return names[platform] != "" }

// SameBooks reports whether two platforms are one with one set of vouchers: the
// generations of Meituan/Dianping are.
func SameBooks(a, b string) bool { return a == b || a != DouyinName && b != DouyinName }

// Backend is what people call the app in which merchants of a platform look after their
// shop, and verify without a bot.
func Backend(platform string) string {
	if platform == DouyinName {
		return "抖音来客"
	}
	return "开店宝"
}
