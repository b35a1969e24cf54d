package main

import (
	"fmt"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/dianping"
)

// callTime is how long the platform takes for one call in R7 and R11.
const callTime = 50 * time.Millisecond

// endToEnd is R7: from the callback until the card is with WeCom, against the
// same calls without anything in between.
func (l *lab) endToEnd() []row {
	w := l.newWorld("r7", staff)
	defer w.close()
	w.slowPlatform()
	w.start("")
	client, sender := w.client(), w.sender()
	shop := dianping.Shop{ID: shopID, Session: session}
	calls := func(person string, prepare bool) {
		code, id := w.voucher(), chat.NewID()
		if prepare {
			must(client.Prepare(l.ctx, shop, code))
		}
		must(client.Consume(l.ctx, shop, dianping.ConsumeRequest{RequestID: id, Code: code, Count: 1, Operator: dianping.Operator{Account: person, Name: person}}))
		card := &bot.Card{Title: "核销成功", Text: "¥49.90", URL: "https://yanquan.example.com/v/1", TaskID: id}
		must(sender.Deliver(l.ctx, bot.Delivery{ID: id, Channel: "app/main", User: person, Reply: bot.Reply{Card: card}, Form: bot.AsCard}))
	}
	n := 0 // nobody gets more messages than WeCom allows
	each := func(do func(person string)) func() float64 {
		return func() float64 {
			began := time.Now()
			for range l.verifying {
				n++
				do(member(n % staff))
			}
			return time.Since(began).Seconds() * 1e3 / float64(l.verifying)
		}
	}
	times := interleave(l.repeats,
		each(func(person string) { w.ask(person, "验 "+w.voucher()) }),
		each(func(person string) { calls(person, true) }),
		each(func(person string) { calls(person, false) }))
	what := fmt.Sprintf("callback to card posted, prepare and consume of %s each: %.0f ms", callTime, times[0].median())
	return []row{
		compared(row{ratio: "R7", ours: what, reference: fmt.Sprintf("the same two calls and the send, nothing stored: %.0f ms", times[1].median()), aim: "≤ 1.5"},
			times[0].over(times[1]), atMost(1.5)),
		compared(row{ratio: "R7 without prepare", ours: what, reference: fmt.Sprintf("consume only and the send: %.0f ms", times[2].median()), aim: "≤ 1.5"},
			times[0].over(times[2]), atMost(1.5)),
	}
}
