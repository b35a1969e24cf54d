package mutants

// Invariants are the program with an invariant broken on purpose; Red is what the crash
// suite says of each.
var Invariants = []Mutant{
	{"the intent is not written before the call (I1)", []Edit{
		{"bot/redeem/core.go", "// New makes a Core.", "var unwritten sync.Map // messages, by operation\n\n// New makes a Core."},
		{"bot/redeem/consume.go", "begun, err := t.begin(ctx, asked, followed)", "unwritten.Store(t.op.ID, asked)\n\tbegun, err := t.op, error(nil)"},
		{"bot/redeem/commit.go", "return tx.Journal.FinishConsume(ctx, op, rows)", `if asked, ok := unwritten.Load(op.ID); ok {
			if begun, err := tx.Journal.Begin(ctx, op, asked.(models.Inbox)); err == nil {
				op = begun
			}
		}
		return tx.Journal.FinishConsume(ctx, op, rows)`},
	}, `while the outcome of|consumed twice|used for|no answer|0 answers|not in the ledger|who never saw|want \{Consumed:1`},
	{"each try has a request id of its own (I3)", []Edit{
		{"bot/redeem/talk.go", "RequestID: op.RequestID(),", "RequestID: t.NewID(),"},
	}, `while the outcome of|consumed twice`},
	{"a lost answer is a refusal (I5)", []Edit{
		{"bot/redeem/consume.go", "return t.doubt(answer.Said, false), nil", "return t.rejected(outcome(answer.Said)), nil"},
	}, `who never saw|told ".*" about|not in the ledger`},
	{"a lost answer is a success (I5)", []Edit{
		{"bot/redeem/consume.go", "return t.doubt(answer.Said, false), nil", `return t.done([]platform.Coupon{{Code: t.op.Code}}, t.op.CalledAt, ""), nil`},
	}, `not in the ledger`},
	{"the refusal of a repeat is believed (I5)", []Edit{
		{"bot/redeem/settle.go", "return t.doubt(answer.Said, !answer.Silent), nil", "return t.rejected(outcome(answer.Said)), nil"},
	}, `who never saw|not in the ledger`},
	{"200 before the message is durable (I10)", []Edit{
		{"bot/server/callbacks.go", "if _, err := s.accept(c, m, arrived); err != nil {", "c.Status(http.StatusOK)\n\t\tc.Writer.WriteHeaderNow()\n\t\tc.Writer.Flush()\n\t\tif _, err := s.accept(c, m, arrived); err != nil {"},
	}, `no answer|0 answers`},
	{"a repeat is a new message (I4)", []Edit{
		{"bot/intake/intake.go", "MessageID: m.ID,", "MessageID: q.NewID(),"},
	}, `answers|repeat got another`},
	{"an answer goes out by the callback and the outbox (I4)", []Edit{
		{"bot/server/robot.go", "if ready && !s.take(c, id, arrived) {", "if false && !s.take(c, id, arrived) {"},
	}, `answers|exists already`},
	{"recorded as sent before it is (I4)", []Edit{
		{"bot/outbox/deliver.go", `failpoint.Hit("send.before")`, `if err := q.DB.Outbox.MarkSent(ctx, o, "", ""); err != nil {
		return err
	}
	failpoint.Hit("send.before")`},
	}, `no answer|0 answers`},
	{"several live operations of one code (I2)", []Edit{
		{"models/journal.go", "row := rowOf(op, &op.Code)", "live := s.cfg.NewID()\n\trow := rowOf(op, &live)"},
	}, `while the outcome of|consumed twice|who never saw|not in the ledger|differ`},
	{"a doubtful undo is taken for done (I7)", []Edit{
		{"bot/redeem/undo.go", "if recorded.Proves == platform.Consumed {\n\t\treturn isUsed,", "if recorded.Proves == platform.Consumed {\n\t\treturn isUndone,"},
	}, `not in the ledger`},
}
