package chat

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/command"
	"yanquan/dianping/dianpingtest"

	"github.com/anishathalye/porcupine"
)

// lives is what can be true of a code that two platforms may know: nothing stands on it,
// or one verification at one of them does. What was undone is void there.
type lives struct {
	stands bool
	at     int
	by     string
	void   [2]bool
}

// answered is what an answer claims, of one of the platforms where it names one.
type answered struct {
	told
	at int
}

const (
	which told   = "请选择平台"
	press string = "点" // a button that names a platform
)

// oneDecision is the specification for a store of two accounts: whatever people press and
// text, what stands is at one platform.
var oneDecision = porcupine.Model{
	Partition: sequential.Partition,
	Init:      func() any { return lives{} },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(lives), input.(ask), output.(answered)
		after := now
		switch {
		case out.told == waiting:
			return true, now
		case in.verb == press && out.told == won && now.stands && now.by == in.user: // one's own card shows what it did, however often it is pressed
			return out.at == now.at, now
		case in.verb == press && out.told == undone && now.void[out.at]:
			return true, now
		case in.verb != "撤" && (out.told == won || out.told == undone): // won, and undone by another before it was told
			after.stands, after.at, after.by = true, out.at, in.user
			return !now.stands && !now.void[out.at], after
		case in.verb != "撤" && out.told == ofOurs:
			return now.stands, now
		case in.verb == "验" && out.told == which:
			return !now.stands, now
		case in.verb != "撤" && out.told == replaced:
			return !now.stands && (now.void[0] || now.void[1]), now
		case in.verb == "撤" && out.told == nothing:
			return !now.stands && now.void == [2]bool{}, now
		case in.verb == "撤" && out.told == notYours:
			return now.stands && now.by != in.user, now
		case in.verb == "撤" && out.told == undone && now.stands:
			after.stands, after.void[now.at] = false, true
			return out.at == now.at, after
		case in.verb == "撤" && out.told == undone:
			return now.void[out.at], now
		}
		return false, now
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(ask), output.(answered)
		return fmt.Sprintf("%s %s %s → %s %d", in.user, in.verb, in.code, out.told, out.at)
	},
}

// claimOf reads an answer as a person would.
func claimOf(r bot.Reply) answered {
	a := answered{told: claim(r)}
	switch {
	case r.Card == nil:
	case r.Card.Title == string(which):
		a.told = which
	case r.Card.Title == "撤销中": // one's own, undone by another
		a.told = waiting
	}
	if strings.Contains(show(r), "（美团）") {
		a.at = 1
	}
	return a
}

// F9 with a store of two accounts, which both know some of the codes: people verify, say
// which platform by any card that they have, old ones too, and undo, with answers lost at
// both. It looks as if it had happened one after another, and no code stands twice.
func TestFault09TwoAccountsLinearizable(t *testing.T) {
	pairs(t, func(b *pair) {
		t := b.t
		b.configure(func(o *Options) { o.Guard = Guard{} })
		ctx, other, stop := twoReplicas(t, b.bench)
		defer stop()
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		var codes []string
		for i := range 6 {
			code := fmt.Sprintf("6000000000%02d", i)
			codes = append(codes, code)
			if i != 0 {
				b.sell(code)
			}
			if i != 1 {
				b.voucher(code)
			}
			for _, p := range []*dianpingtest.Platform{b.platform, b.other} {
				for _, call := range []string{"consume", "reverseconsume"} {
					if rnd.IntN(4) == 0 {
						kind := []dianpingtest.FaultKind{dianpingtest.ApplyThenDrop, dianpingtest.HangThenDrop, dianpingtest.ApplyLate}[rnd.IntN(3)]
						b.must(p.Fail(dianpingtest.Fault{Kind: kind, Call: call, Code: code}))
					}
				}
			}
		}
		l := linear{pair: b, began: time.Now(), cards: map[string][]bot.Card{}}
		var people sync.WaitGroup
		for client := range 5 {
			one := []*bench{b.bench, other}[client%2].bot
			mine := rand.New(rand.NewPCG(seed, uint64(client+1)))
			people.Go(func() {
				for range 12 {
					in := ask{verb: []string{"验", "验", "验", "撤"}[mine.IntN(4)], user: []string{"zhangsan", "wangwu"}[client%2], code: codes[mine.IntN(len(codes))]}
					m := l.message(&in, mine)
					call := time.Since(l.began)
					id, err := one.Accept(ctx, m)
					if err != nil {
						t.Error(err)
						return
					}
					r, ready := one.Await(ctx, id)
					if !ready {
						t.Errorf("no answer to %+v", in)
						return
					}
					l.note(client, in, r, call)
				}
			})
		}
		people.Wait()
		l.judge(codes)
	})
}

// linear is what people have seen, and the cards that they have.
type linear struct {
	*pair
	began   time.Time
	mu      sync.Mutex
	history []porcupine.Operation
	cards   map[string][]bot.Card // by code
}

// message asks something, or presses a button of a card that asked which platform.
func (l *linear) message(in *ask, rnd *rand.Rand) bot.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.at(robot, group, in.user)
	m.Kind, m.Text = bot.Text, in.verb+" "+in.code
	if cards := l.cards[in.code]; in.verb == "验" && len(cards) > 0 && rnd.IntN(3) > 0 {
		c := cards[rnd.IntN(len(cards))]
		in.verb = press
		m.Kind, m.Text, m.Button = bot.Click, "", &bot.Button{TaskID: c.TaskID, Key: c.Keys[rnd.IntN(len(c.Keys))].Key}
	}
	return m
}

func (l *linear) note(client int, in ask, r bot.Reply, call time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := claimOf(r)
	l.history = append(l.history, porcupine.Operation{ClientId: client, Input: in, Call: call.Nanoseconds(), Output: out, Return: time.Since(l.began).Nanoseconds()})
	if out.told == odder {
		l.t.Errorf("%+v was answered:\n%s", in, show(r))
	}
	if out.told != which {
		return
	}
	for _, k := range r.Card.Keys {
		if b, err := command.ReadButton(k.Key); err != nil || b.Operation != "" {
			l.t.Errorf("a question has the button %s", k.Key)
		}
	}
	l.cards[in.code] = append(l.cards[in.code], *r.Card)
}

func (l *linear) judge(codes []string) {
	l.t.Helper()
	if verdict := porcupine.CheckOperationsTimeout(oneDecision, l.history, 30*time.Second); verdict != porcupine.Ok {
		l.t.Errorf("the history of %d answers is %s", len(l.history), verdict)
		for _, op := range l.history {
			l.t.Logf("%9d–%9d %s", op.Call/1000, op.Return/1000, oneDecision.DescribeOperation(op.Input, op.Output))
		}
	}
	for _, c := range codes {
		stands := 0
		for _, p := range []*dianpingtest.Platform{l.platform, l.pair.other} {
			e := p.Effects(c)
			stands += e.Consumed - e.Undone
			if e.Consumed > 1 || e.Undone > e.Consumed {
				l.t.Errorf("%s was consumed %d and undone %d times", c, e.Consumed, e.Undone)
			}
		}
		if stands > 1 {
			l.t.Errorf("%s stands %d times", c, stands)
		}
	}
}
