package chat

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/jobs"

	"github.com/anishathalye/porcupine"
)

// life is what can be true of one voucher code: nobody has used it, somebody
// has, or that was undone and the code is void.
type life struct {
	used, undone bool
	by           string
}

type ask struct {
	verb, user, code string
}

// told is what the answer claims.
type told string

const (
	won      told = "核销成功"
	ofOurs   told = "此券已核销"
	replaced told = "券码已更换"
	undone   told = "已撤销"
	nothing  told = "没有在这里核销过"
	notYours told = "只有本人、组长或店长"
	waiting  told = "正在" // somebody is at it: claims nothing
	odder    told = "?"
)

// sequential is the specification: what each answer means, one after another.
var sequential = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byCode := map[string][]porcupine.Operation{}
		for _, op := range history {
			code := op.Input.(ask).code
			byCode[code] = append(byCode[code], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byCode {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return life{} },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(life), input.(ask), output.(told)
		switch {
		case out == waiting:
			return true, now
		case in.verb == "验" && (out == won || out == undone): // won, and undone by another before it was told
			return !now.used, life{used: true, by: in.user}
		case in.verb == "验" && out == ofOurs:
			return now.used && !now.undone, now
		case in.verb == "验" && out == replaced:
			return now.undone, now
		case in.verb == "撤" && out == nothing:
			return !now.used, now
		case in.verb == "撤" && out == notYours:
			return now.used && !now.undone && now.by != in.user, now
		case in.verb == "撤" && out == undone:
			return now.used, life{used: true, undone: true, by: now.by}
		}
		return false, now
	},
	DescribeOperation: func(input, output any) string {
		in := input.(ask)
		return fmt.Sprintf("%s %s %s → %s", in.user, in.verb, in.code, output)
	},
}

// claim reads an answer as a person would.
func claim(r bot.Reply) told {
	text := show(r)
	for _, t := range []told{won, ofOurs, replaced, nothing, notYours, waiting} {
		if strings.Contains(text, string(t)) {
			return t
		}
	}
	if r.Card != nil && r.Card.Title == string(undone) {
		return undone
	}
	return odder
}

// fast is how much faster the clock of [twoReplicas] goes than the machine's: what sleeps in
// turns moves a clock that stands once for each, until every message is too late.
const fast = 10

// twoReplicas runs a bench's bot and another on the same database, until they are
// stopped.
func twoReplicas(t *testing.T, b *bench) (ctx context.Context, other *bench, stop func()) {
	other = reborn(t, b)
	sleep := func(ctx context.Context, d time.Duration) error { return jobs.Sleep(ctx, d/fast) }
	b.configure(func(o *Options) { o.Sleep = sleep })
	other.configure(func(o *Options) { o.Sleep = sleep })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	var running sync.WaitGroup
	running.Go(func() { b.bot.Run(ctx, time.Second) })
	running.Go(func() { other.bot.Run(ctx, time.Second) })
	running.Go(func() {
		for last := time.Now(); jobs.Sleep(ctx, 5*time.Millisecond) == nil; {
			now := time.Now()
			b.clock.Advance(fast * now.Sub(last))
			last = now
		}
	})
	return ctx, other, func() { cancel(); running.Wait() }
}

// F9: several people verify and undo the same codes on two replicas, with answers
// lost on the way. It passes when it looks to them as if it had happened one after
// another.
func TestFault09Linearizable(t *testing.T) {
	everywhere(t, func(t *testing.T, b *bench) {
		ctx, other, stop := twoReplicas(t, b)
		defer stop()

		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		var codes []string
		for i := range 8 {
			codes = append(codes, fmt.Sprintf("60000000%02d", i))
			b.voucher(codes[i])
			for _, call := range []string{"consume", "reverseconsume"} {
				if rnd.IntN(3) == 0 {
					kind := []dianpingtest.FaultKind{dianpingtest.ApplyThenDrop, dianpingtest.HangThenDrop, dianpingtest.ApplyLate}[rnd.IntN(3)]
					b.must(b.platform.Fail(dianpingtest.Fault{Kind: kind, Call: call, Code: codes[i]}))
				}
			}
		}
		users := []string{"zhangsan", "lisi", "wangwu"}
		var mu sync.Mutex
		var history []porcupine.Operation
		began := time.Now()
		var people sync.WaitGroup
		for client := range 6 {
			one := []*bench{b, other}[client%2].bot
			user := users[client%len(users)]
			mine := rand.New(rand.NewPCG(seed, uint64(client+1)))
			people.Go(func() {
				for range 14 {
					in := ask{verb: []string{"验", "验", "撤"}[mine.IntN(3)], user: user, code: codes[mine.IntN(len(codes))]}
					mu.Lock()
					m := b.at(robot, group, user)
					mu.Unlock()
					m.Kind, m.Text = bot.Text, in.verb+" "+in.code
					call := time.Since(began)
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
					mu.Lock()
					history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: call.Nanoseconds(), Output: claim(r), Return: time.Since(began).Nanoseconds()})
					mu.Unlock()
					if claim(r) == odder {
						t.Errorf("%+v was answered:\n%s", in, show(r))
					}
				}
			})
		}
		people.Wait()
		if verdict := porcupine.CheckOperationsTimeout(sequential, history, 30*time.Second); verdict != porcupine.Ok {
			t.Errorf("the history of %d answers is %s", len(history), verdict)
			for _, op := range history {
				t.Logf("%9d–%9d %s", op.Call/1000, op.Return/1000, sequential.DescribeOperation(op.Input, op.Output))
			}
		}
		for _, c := range codes {
			if e := b.platform.Effects(c); e.Consumed > 1 || e.Undone > e.Consumed {
				t.Errorf("%s was consumed %d and undone %d times", c, e.Consumed, e.Undone)
			}
		}
	})
}
