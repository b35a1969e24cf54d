package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"yanquan/bot"
	"yanquan/bot/chat"
	"yanquan/dianping"
	"yanquan/dianping/dianpingtest"
	"yanquan/models"
)

// callTime is how long the platform takes for one call in R7.
const callTime = 50 * time.Millisecond

// endToEnd is R7: from the callback until the card is with WeCom, against the
// same calls without anything in between.
func (l *lab) endToEnd() ([]row, error) {
	dsn, err := l.mariadb.database(l.ctx, "r7")
	if err != nil {
		return nil, err
	}
	w, err := l.newWorld(models.MySQL, dsn)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.platform.Fail(dianpingtest.Fault{Kind: dianpingtest.Delay, Delay: callTime, Times: -1}); err != nil {
		return nil, err
	}
	p, err := l.start(w.config)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	client, err := w.client()
	if err != nil {
		return nil, err
	}
	sender, err := w.sender()
	if err != nil {
		return nil, err
	}
	shop := dianping.Shop{ID: shopID, Session: session}
	card := bot.Reply{Card: &bot.Card{Title: "核销成功", Text: "¥49.90", URL: "https://yanquan.example.com/v/1"}}
	person := 0 // nobody gets more messages than WeCom allows
	calls := func(prepare bool) error {
		code, err := w.voucher()
		if err != nil {
			return err
		}
		if prepare {
			if _, err := client.Prepare(l.ctx, shop, code); err != nil {
				return err
			}
		}
		id := chat.NewID()
		if _, err := client.Consume(l.ctx, shop, dianping.ConsumeRequest{RequestID: id, Code: code, Count: 1, Operator: dianping.Operator{Account: member(person), Name: member(person)}}); err != nil {
			return err
		}
		next := card
		unique := *card.Card
		unique.TaskID, next.Card = id, &unique
		_, err = sender.Deliver(l.ctx, bot.Delivery{ID: id, Channel: "app/main", User: member(person), Reply: next, Form: bot.AsCard})
		return err
	}
	const patience = 10 * time.Second
	ours := func() error {
		code, err := w.voucher()
		if err != nil {
			return err
		}
		_, request, err := w.calls.text(member(person), "验 "+code)
		if err != nil {
			return err
		}
		select {
		case <-w.sent:
		default:
		}
		if sent := openLoop(l.ctx, p.address, arrivals, [][]byte{request}); len(sent) != 1 || sent[0].status != http.StatusOK {
			return fmt.Errorf("callback not accepted: %+v", sent)
		}
		select {
		case <-w.sent:
			return nil
		case <-time.After(patience):
			return errors.New("no card")
		}
	}
	each := func(do func() error) func() (float64, error) {
		return func() (float64, error) {
			began := time.Now()
			for range l.verifying {
				person++
				if err := do(); err != nil {
					return 0, err
				}
			}
			return time.Since(began).Seconds() * 1e3 / float64(l.verifying), nil
		}
	}
	times, err := interleave(l.repeats, each(ours), each(func() error { return calls(true) }), each(func() error { return calls(false) }))
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("callback to card posted, prepare and consume of %s each: %.0f ms", callTime, times[0].median())
	return []row{
		compared(row{ratio: "R7", ours: what, reference: fmt.Sprintf("the same two calls and the send, nothing stored: %.0f ms", times[1].median()), aim: "≤ 1.5"},
			times[0].over(times[1]), atMost(1.5)),
		compared(row{ratio: "R7 without prepare", ours: what, reference: fmt.Sprintf("consume only and the send: %.0f ms", times[2].median()), aim: "≤ 1.5"},
			times[0].over(times[2]), atMost(1.5)),
	}, nil
}
