package crash

import (
	"math/rand/v2"
	"time"

	"yanquan/dianping/dianpingtest"
	"yanquan/douyin/douyintest"
)

// douyinKnobs chooses among what Douyin may do where no source says what it does. Left out
// is an end of a hold of which it is unknown whose use it is: that is left to people.
func douyinKnobs(random *rand.Rand) (k douyintest.Knobs) {
	for _, d := range douyintest.Doubts {
		if random.IntN(2) == 0 {
			d.Set(&k, pickOf(random, d.Values))
			if k.HeldType == douyintest.HeldTypeUnnamed {
				k.HeldType = douyintest.HeldTypeUntold
			}
		}
	}
	if random.IntN(3) == 0 {
		k.VerifyTokenLife = time.Duration(1+random.IntN(8)) * time.Second
	}
	switch n := random.IntN(100); {
	case n < 35: // does not stop a client from consuming twice
		k.Unguarded = true
	case n < 45:
		k.UndoEnds = time.Duration(1+random.IntN(3)) * time.Second
	}
	return k
}

// hold is what risk control does with a verification, if anything. A hold is over before
// the round is.
func hold(random *rand.Rand) *douyintest.Hold {
	if random.IntN(100) >= 20 {
		return nil
	}
	return &douyintest.Hold{For: time.Duration(200+random.IntN(2500)) * time.Millisecond, Verified: random.IntN(2) == 0}
}

// douyinCallFault lets a call go wrong. Left out are answers that are documented and
// not true, but that an access token is expired.
func douyinCallFault(random *rand.Rand) douyintest.Fault {
	f := douyintest.Fault{
		Call:    pickOf(random, []string{"verify", "verify", "verify", "verify", "cancel", "cancel", "query", "prepare", "token", ""}),
		Applied: random.IntN(2) == 0,
		Times:   1 + random.IntN(2),
		Kind: pickOf(random, []douyintest.FaultKind{
			douyintest.ApplyThenHang, douyintest.HangThenDrop, douyintest.ApplyThenDrop, douyintest.ApplyLate,
			douyintest.Status5xx, douyintest.HalfBody, douyintest.HTML, douyintest.Delay, douyintest.WrongContentType,
			douyintest.Throttle, douyintest.ProxyStatus, douyintest.ProxyRepeat, douyintest.AnswerCode,
			douyintest.AnswerBody, douyintest.OtherCode, douyintest.RowRefusal, douyintest.SessionExpired,
		}),
	}
	switch f.Kind {
	case douyintest.AnswerCode:
		f.Answer = pickOf(random, undocumented)
	case douyintest.AnswerBody:
		f.Call, f.Answer = "verify", pickOf(random, douyintest.RowlessSuccesses)
	case douyintest.OtherCode:
		f.Call, f.Answer = "verify", "108000000001"
	case douyintest.RowRefusal:
		f.Call, f.Answer = "verify", pickOf(random, []string{"1208", "2"})
	case douyintest.ProxyRepeat:
		if f.Call == "verify" && random.IntN(2) == 0 {
			f.Answer = "1208"
		}
	}
	return lasting(random, f)
}

// douyinEffect is an effect there as the referee reads it: the verify token is the id of a
// request, and what no client of ours did has no dialect. Who asked is not told.
func douyinEffect(e douyintest.Effect) dianpingtest.Effect {
	out := dianpingtest.Effect{
		Seq: e.Seq, Time: e.Time, Kind: dianpingtest.EffectKind(e.Kind), Code: e.Code, NewCode: e.NewCode, OrderID: e.OrderID, Shop: e.Shop,
		RequestID: e.VerifyToken, Undoes: e.Undoes,
	}
	if e.VerifyToken != "" || e.Kind == douyintest.EffectUndone {
		out.Dialect = douyin
	}
	return out
}
