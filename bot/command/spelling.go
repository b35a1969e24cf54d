package command

import "strings"

// spellings are characters that stand for another in the words of commands: those of
// traditional writing, and those that an input method or a hurried hand puts there.
// In names they stay as they are.
var spellings = map[rune]rune{
	'驗': '验', '騐': '验', '験': '验', '覈': '核', '銷': '销', '消': '销', '劵': '券', '卷': '券', '巻': '券', '證': '证', '証': '证', '碼': '码',
	'撒': '撤', '徹': '撤', '査': '查', '詢': '询', '寻': '询', '尋': '询', '讯': '询', '訊': '询',
	'記': '记', '紀': '记', '纪': '记', '錄': '录', '録': '录', '條': '条', '對': '对', '賬': '账', '帳': '账', '帐': '账',
	'導': '导', '岀': '出', '権': '权', '權': '权', '門': '门', '後': '后', '臺': '台', '檯': '台', '團': '团', '眾': '众', '點': '点', '評': '评', '綁': '绑', '幫': '帮', '換': '换',
	'確': '确', '認': '认', '員': '员', '統': '统', '計': '计', '報': '报', '沒': '没',
	'週': '周', '這': '这', '個': '个', '號': '号', '當': '当', '曰': '日', '張': '张', '兩': '两',
	'請': '请', '煩': '烦', '給': '给', '過': '过', '貳': '贰', '參': '叁', '陸': '陆',
}

// simple is a text in the characters that commands are known in. It is as long as s,
// rune by rune.
func simple(s string) string {
	return strings.Map(func(r rune) rune {
		if to, ok := spellings[r]; ok {
			return to
		}
		return r
	}, s)
}
