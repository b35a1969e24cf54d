package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"yanquan/dianping"
	"yanquan/models"
)

// platformError gives the client's error; anything else is a fault of ours and
// is treated as the worst that it can be.
func platformError(err error) *dianping.Error {
	if err == nil {
		return nil
	}
	var e *dianping.Error
	if errors.As(err, &e) {
		return e
	}
	return &dianping.Error{Class: dianping.UnknownOutcome, Err: err}
}

// paymentsJSON keeps the lines of payment_detail for the accounts.
func paymentsJSON(lines []dianping.Payment) string {
	if len(lines) == 0 {
		return ""
	}
	data, err := json.Marshal(lines)
	if err != nil {
		return "" // plain numbers and text: cannot fail
	}
	return string(data)
}

// journal gathers the calls of one operation, to be written with its outcome.
type journal struct {
	op    models.Operation
	calls []models.Call
}

// call makes a platform call and notes it.
func call[T any](x *money, j *journal, name dianping.Call, do func() (T, error)) (T, error) {
	start := x.Now()
	v, err := do()
	c := models.Call{
		OperationID: j.op.ID, StoreID: j.op.StoreID, ReceiptCode: j.op.Code, UserID: j.op.UserID,
		Name: string(name), StartedAt: start, Took: x.Now().Sub(start),
	}
	if e := platformError(err); e != nil {
		c.Class = string(e.Class)
		c.Outcome = models.Outcome{Reason: string(e.Reason), Code: e.Code, Message: strings.TrimSpace(e.Message), TraceID: e.TraceID}
	}
	j.calls = append(j.calls, c)
	return v, err
}

// logged writes the calls beside a move.
func logged(ctx context.Context, tx *models.DB, calls []models.Call, move func() (models.Operation, error)) (models.Operation, error) {
	op, err := move()
	if err != nil {
		return op, err
	}
	if len(calls) > 0 {
		if err := tx.LogCalls(ctx, calls); err != nil {
			return op, fmt.Errorf("bot: calls: %w", err)
		}
	}
	return op, nil
}
