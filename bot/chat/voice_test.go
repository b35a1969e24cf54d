package chat

import (
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
)

func FuzzParseSpeech(f *testing.F) {
	for _, s := range []string{"验 七九九二六九七四九四", "核销7992697494两张", "撤销", "请把十二张", "验x2张", "\xff一"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, heard string) {
		cmd := command.ParseSpeech(heard)
		if cmd.Problem != "" || cmd.Verb == command.VerbVerify && len(cmd.Items) == 0 {
			t.Errorf("%+v", cmd)
		}
		for _, it := range cmd.Items {
			if n := len(it.Code); n < command.MinCodeLen || n > command.MaxCodeLen || it.Count < 1 || it.Count > command.MaxCount {
				t.Errorf("%+v", it)
			}
		}
	})
}

func TestVoice(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		b.voucher(Code)
		b.order("7100000001", 2)
		say := func(user, heard string) bot.Reply {
			m := b.at(robot, "", user)
			m.Kind, m.Text, m.Quote = bot.Voice, heard, "7100000001"
			return b.give(m)
		}
		press := func(user string, r bot.Reply, text string) bot.Reply {
			m := b.at(robot, "", user)
			m.Kind, m.Button = bot.Click, &bot.Button{TaskID: r.Card.TaskID, Key: b.key(r, text)}
			return b.give(m)
		}
		for _, heard := range []string{"验 七九九二六九七四九四", "核销7992697494", "请核销一下，7992697494。"} {
			has(t, say("zhangsan", heard), "可以核销", "还没有核销", Code, "[确认核销]")
		}
		b.effects(Code, 0, 0)
		has(t, press("zhangsan", say("zhangsan", "核销7992697494"), "确认核销"), "核销成功")
		b.effects(Code, 1, 0)

		r := say("zhangsan", "撤销七九九二六九七四九四")
		has(t, r, "要撤销这一次吗", Code, "[撤销]")
		b.effects(Code, 1, 0)
		has(t, say("zhangsan", "撤销"), "要撤销这一次吗") // the last one, whatever the message answers to
		has(t, press("lisi", r, "撤销"), "只有本人")
		has(t, press("zhangsan", r, "撤销"), "已撤销")
		b.effects(Code, 1, 1)
		has(t, say("zhangsan", "撤销七九九二六九七四九四"), "已撤销")
		has(t, say("zhangsan", "撤销幺零零零零零零零零零"), "没有在这里核销过")

		has(t, say("zhangsan", "核销七一零零零零零零零一两张"), "可以核销", "[核销 2 张]")
		b.effects("7100000001", 0, 0)
		has(t, say("zhangsan", "核销"), "听到的是：「核销」", "请打字")
		has(t, say("zhangsan", "今天天气不错"), "听到的是：「今天天气不错」", "什么都没有做")
		has(t, say("zhangsan", "记录。"), "最近 1 次核销")
		has(t, say("zhangsan", "帮助"), "可以这样发")

		has(t, b.say("zhangsan", "验 7100000001"), "核销成功")
		b.clock.Advance(11 * time.Minute)
		has(t, say("zhangsan", "撤销七一零零零零零零零一"), "已过撤销时间")
		b.effects("7100000001", 1, 0)
	})
}

func TestOtherKinds(t *testing.T) {
	here(t, func(t *testing.T, b *bench) {
		for word, want := range map[string]string{
			"image": "没有收到", "voice": "听不懂", "video": "视频", "file": "作为图片发", "location": "位置", "link": "链接", "novelty": "看不懂",
		} {
			m := b.at(app, "", "zhangsan")
			m.Kind, m.Text = bot.Other, word
			has(t, b.give(m), want, "发券码，例如：验 7992697494")
		}
	})
}
