package export

import (
	"cmp"
	"context"
	"fmt"

	"yanquan/bot/words"
	"yanquan/models"
)

// RefusedName is that of the sheet of what was not verified.
const RefusedName = "未成功"

// attempt is an operation that was refused, in its store.
type attempt struct {
	store models.Store
	op    models.Operation
}

var refusedColumns = []column[attempt]{
	{heading{"时间", 20, moment}, func(_ models.Account, t attempt) value { return value{at: t.op.CreatedAt} }},
	{heading{"门店", 18, text}, func(_ models.Account, t attempt) value { return value{text: t.store.Name} }},
	{heading{"平台", 10, text}, func(_ models.Account, t attempt) value { return value{text: words.At(t.store, t.op)} }},
	{heading{"券码", 22, text}, func(_ models.Account, t attempt) value { return value{text: words.CodeText(t.op.Code)} }},
	{heading{"操作人", 12, text}, func(_ models.Account, t attempt) value { return value{text: cmp.Or(t.op.User, t.op.UserID)} }},
	{heading{"原因", 24, text}, func(_ models.Account, t attempt) value { return value{text: words.CauseOf(t.op.Outcome.Reason)} }},
}

// refused writes the sheet of what was not verified, store after store, with how often
// that was in the last row.
func (b *workbook) refused(ctx context.Context) (times int, err error) {
	l := list{book: b, name: RefusedName, columns: headingsOf(refusedColumns)}
	var values []value
	for _, s := range b.request.Stores {
		for _, a := range s.All() {
			err := each(ctx, b.request, b.request.Source.Refused, a.ID, func(op models.Operation) error {
				times++
				values = line(values, refusedColumns, a, attempt{s, op})
				return l.add(values)
			})
			if err != nil {
				return times, err
			}
		}
	}
	if times == 0 {
		return 0, nil
	}
	if err := l.begin(); err != nil {
		return times, err
	}
	l.sheet.listed = l.sheet.row - 1
	l.sheet.bold(value{text: "合计"}, text)
	l.sheet.bold(value{text: fmt.Sprintf("%d 次", times)}, text)
	if err := l.sheet.end(); err != nil {
		return times, err
	}
	return times, l.close()
}
