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
		{"bot/redeem/consume.go", "		return t.settleConsume(ctx, false)", "		return t.rejected(outcome(answer.Said)), nil"},
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
		{"bot/redeem/undo.go", "if t.op.Reusable || rec.Reusable || b.reusable(t.op) || !rec.At.IsZero() && rec.At.Sub(t.op.ConsumedAt).Abs() > skew {", "if len(b.others) > 1000 {"},
	}, ``},
	{"A8 a consume is sent again for the codes that are missing", []Edit{
		{"bot/redeem/settle.go", "	listed, err := t.history(ctx, at)\n	if err != nil {", "	if t.settling {\n		t.settling = false\n		return t.repeat(ctx)\n	}\n	listed, err := t.history(ctx, at)\n	if err != nil {"},
	}, ``},
	{"F1 any answer about a record closes an old doubt", []Edit{
		{"bot/redeem/settle.go", "	if recorded.Decided { // an answer that is neither ends nothing\n", "	if recorded.Decided {\n		if t.late(t.op.CalledAt) {\n			return t.rejected(outcome(recorded.Said)), nil\n		}\n"},
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
}
