package mutants

// Mendings are the program with one of its mendings taken out again, so that it does what
// it did when the fault was found. Names begin with the entry of the list of faults that
// docs/simulation.md has.
var Mendings = []Mutant{
	{"A1 an empty success about a record is a doubt", []Edit{
		{"bot/platform/dianping_proof.go", "case dianping.NoRecord, dianping.NotFound, dianping.VerifyFailed:", "case dianping.NotFound, dianping.VerifyFailed:"},
	}, ``},
	{"A2 401, 403 and 429 without an envelope are refusals", []Edit{
		{"internal/httpcall/httpcall.go", "	case changes:\n		return UnknownOutcome\n	case status == 429:", "	case changes && status != 401 && status != 403 && status != 429:\n		return UnknownOutcome\n	case status == 429:"},
	}, ``},
	{"A3 used, says the first consume, and is believed", []Edit{
		{"bot/redeem/consume.go", "		return after.settleConsume(ctx, false)", "		return t.rejected(outcome(answer.Said)), nil"},
	}, ``},
	{"A4 a success without a row is a success", []Edit{
		{"dianping/receipt.go", "		return nil, errNoData(\"voucher that can be read\")\n	}\n	return ofOne(code, count, list)", "		return []Receipt{{Code: code}}, nil\n	}\n	return ofOne(code, count, list)"},
	}, ``},
	{"A5 the row of another code is a success", []Edit{
		{"dianping/receipt.go", "	if !asked || len(list) > count {", "	if _ = asked; len(list) > count {"},
	}, ``},
	{"A6 a row's own code of refusal is not seen", []Edit{
		{"dianping/outcome.go", "	return slices.DeleteFunc(objects, object.failed), whole", "	return objects, whole"},
		{"dianping/outcome.go", "	if report.call.aboutVoucher() {\n		a.lookAtRows(report.call)\n	}\n", ""},
	}, ``},
	{"A7 the record of another visit is that of an undo", []Edit{
		{"bot/redeem/undo.go", "if keeps || rec.Reusable || b.reusable(t.op) || !rec.At.IsZero() && rec.At.Sub(t.op.ConsumedAt).Abs() > skew {", "if keeps && rec.Code == \"none\" && len(b.others) > 1000 {"},
	}, ``},
	{"A8 a consume is sent again for the codes that are missing", []Edit{
		{"bot/redeem/count.go", "	c, err := t.codes(ctx, coupons, t.op.Count, at, !wait)\n", "	if t.settling {\n		t.settling = false\n		return t.repeat(ctx)\n	}\n	c, err := t.codes(ctx, coupons, t.op.Count, at, !wait)\n"},
	}, ``},
	{"A13 tokens are renewed two days before their end, however short their life", []Edit{
		{"bot/grants/pace.go", "		return min(life(g)/6, 5*day)\n	}\n	return min(life(g)/4, 7*day)", "		return 2 * day\n	}\n	return 2 * day"},
	}, ``},
	{"A14 nothing tells a message that is sent again from another", []Edit{
		{"bot/wecom/send_app.go", "		r.DuplicateCheck, r.DuplicateInterval = duplicates(d, r)", "		_, _ = duplicates(d, r)"},
	}, ``},
	{"a reconciliation believes that there is no record", []Edit{
		{"bot/reconcile/keeper.go", "	if recorded.Proves != platform.NotConsumed || recorded.Complete || e.Standing != Stands {", "	if e.Standing >= 0 {"},
	}, ``},
	{"F1 any answer about a record closes an old doubt", []Edit{
		{"bot/redeem/settle.go", "	if recorded.Decided { // an answer that is neither ends nothing\n", "	if recorded.Decided {\n		if t.late(t.op.CalledAt) {\n			return t.rejected(outcome(recorded.Said)), nil\n		}\n"},
	}, ``},
	{"F2 a call is taken for over as soon as it is sent", []Edit{
		{"bot/redeem/talk.go", "func (t *talk) quiet() bool { return !t.Now()", "func (t *talk) quiet() bool { return true || !t.Now()"},
	}, ``},
	{"F4 the intent does not ask whose the message is", []Edit{
		{"models/journal.go", "\" FROM inbox WHERE id = ? AND attempt = ? AND \"+unanswered+lock", "\" FROM inbox WHERE id = ? AND attempt <= 1000 + ?\"+lock"},
	}, ``},
	{"F5 what was asked hours ago is done", []Edit{
		{"bot/chat/conversation.go", "return asks && c.Now().Sub(t.row.ReceivedAt) >= staleAfter", "return asks && c.Now().Sub(t.row.ReceivedAt) >= 1000*staleAfter"},
	}, ``},
	{"F6 who settles leaves the answer to the dead", []Edit{
		{"bot/chat/settle.go", "		return d.answer(ctx, tx, row)\n", "		return nil\n"},
	}, ``},
	{"F8 a doubt that cannot end is asked about as often for ever", []Edit{
		{"bot/redeem/commit.go", "		d = min(max(age/20, d), 10*time.Minute)", "		d = 9 * time.Second"},
	}, ``},
	{"F12 a line that is no longer true is sent", []Edit{
		{"bot/outbox/answer.go", "	if _, err := tx.Outbox.Obsolete(ctx, row.ID); err != nil {\n		return fmt.Errorf(\"outbox: conclude: %w\", err)\n	}\n", ""},
	}, ``},
	{"F14 what was shown takes everything out of the queue", []Edit{
		{"bot/outbox/passive.go", "d.Reply.Pending || err == nil && bytes.Equal(have, want) {", "d.Reply.Pending || err == nil || bytes.Equal(have, want) {"},
	}, ``},
	{"F18 an update that was applied before is refused", []Edit{
		{"bot/wecom/send_app.go", "if call.api == apiUpdate && d.Lost && apiCode(err) == codeUpdated {", "if false && call.api == apiUpdate && d.Lost && apiCode(err) == codeUpdated {"},
	}, ``},
	{"F19 what comes again is not taken up", []Edit{
		{"bot/intake/intake.go", "	if row.AnsweredAt.IsZero() && !row.DueAt.After(q.Now()) && !q.Holds(row.ID) {", "	if false && row.AnsweredAt.IsZero() && !row.DueAt.After(q.Now()) && !q.Holds(row.ID) {"},
		{"bot/intake/doubts.go", "	if err := q.DB.Inbox.Release(ctx, row); err != nil {", "	if true {\n		return models.ErrStale\n	}\n	if err := q.DB.Inbox.Release(ctx, row); err != nil {"},
	}, ``},
	{"F20 a reply URL is used again", []Edit{
		{"bot/outbox/answer.go", "		return o.Channel == channel && (o.Lost", "		return o.Channel == \"\" && (o.Lost"},
	}, ``},
}
