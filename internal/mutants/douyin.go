package mutants

// Douyin are the program with something broken that only Douyin 来客, or a store with two
// platforms, shows.
var Douyin = []Mutant{
	{"D1 a lost verify is a refusal", []Edit{
		{"bot/platform/douyin_proof.go", "	case again, e.Class == douyin.UnknownOutcome, e.Reason == douyin.NoRecord:", "	case again, e.Reason == douyin.NoRecord:"},
	}, ``},
	{"D2 what risk control holds is a refusal", []Edit{
		{"bot/platform/douyin_proof.go", "return v.Result == rowHeld }):\n		return Held", "return v.Result == rowHeld }):\n		return Refused"},
	}, ``},
	{"D3 a code that two platforms know is consumed at the first (I11)", []Edit{
		{"bot/redeem/which.go", "	case len(known) == 1 && len(silent) == 0:", "	case len(known) > 0 && len(silent) == 0:"},
	}, ``},
	{"D4 the same code again consumes what is left", []Edit{
		{"bot/redeem/consume.go", "	if err == nil && earlier != nil && followed == nil {", "	if err == nil && earlier != nil && earlier.State == models.Done {\n		followed = earlier\n	}\n	if err == nil && earlier != nil && followed == nil {"},
	}, ``},
	{"D5 the platform's word that something was verified is no reason to ask", []Edit{
		{"bot/events/events.go", "tx.Journal.Ask(ctx, platform.DouyinName, n.OrderID, d.Lease)", "tx.Journal.Ask(ctx, platform.DouyinName, \"none\", d.Lease)"},
	}, ``},
	{"D6 each replica has an access token of its own", []Edit{
		{"internal/app/platforms.go", "		dc.Tokens, a.Token = tokens, tokens.get", "		a.Token = tokens.get"},
	}, ``},
	{"D7 a refund after the use is not told", []Edit{
		{"bot/events/events.go", "		return d.refund(ctx, tx, n)", "		return nil"},
	}, ``},
	{"D8 a repeat is prepared anew", []Edit{
		{"bot/redeem/talk.go", "	op, start := t.op, t.Now()\n	answer := t.shop.Consume(", "	if again {\n		ticket = t.shop.Look(ctx, t.op.Code).Voucher.Ticket\n	}\n	op, start := t.op, t.Now()\n	answer := t.shop.Consume("},
	}, ``},
	{"D10 who sends two messages has both begun at once", []Edit{
		{"bot/intake/line.go", "if l[s] = append(l[s], p); len(l[s]) == 1 {", "if l[s] = append(l[s], p); len(l[s]) >= 1 {"},
		{"bot/intake/line.go", "	case was[0] == p:\n		close(now[0].first)\n	}", "	case was[0] == p:\n	}"},
	}, ``},
	{"D11 an answer that has lost its finer code is no hold", []Edit{
		{"douyin/classify.go", "v.reason != \"\" && !a.finer: //", "v.reason == \"none\" && !a.finer: //"},
	}, ``},
	{"D9 a hold that cannot be seen has ended", []Edit{
		{"bot/redeem/uses.go", "	case t.op.State == models.Held && t.mayBeHeld() &&", "	case t.op.State == models.Held:\n		return t.rejected(models.Outcome{Reason: ReasonLetGo}), nil\n	case t.mayBeHeld() && t.op.State == models.Held &&"},
	}, ``},
}
