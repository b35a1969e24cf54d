package export

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"time"

	"yanquan/models"
)

// writeCSV writes one list of all stores.
func (r Request) writeCSV(ctx context.Context, w io.Writer) (all models.Tally, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	if _, err := out.WriteString("\uFEFF"); err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	table := csv.NewWriter(out)
	table.UseCRLF = true
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.text
	}
	if err := table.Write(record); err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	values := make([]value, 0, len(columns))
	for _, a := range r.accounts() {
		err := each(ctx, r, r.Source.Vouchers, a.ID, func(v models.Voucher) error {
			all.Add(v.Price, !v.UndoneAt.IsZero())
			values = line(values, columns, a, v)
			for i, c := range columns {
				record[i] = r.plainCell(c.kind, values[i])
			}
			return table.Write(record)
		})
		if err != nil {
			return all, err
		}
	}
	table.Flush()
	if err := errors.Join(table.Error(), out.Flush()); err != nil {
		return all, fmt.Errorf("export: %w", err)
	}
	return all, nil
}

func (r Request) plainCell(k kind, v value) string {
	switch {
	case v.blank(k):
		return ""
	case k == money:
		return string(appendYuan(nil, v.n))
	case k == moment:
		return v.at.In(r.Location).Format(time.DateTime)
	}
	return defused(v.text)
}
