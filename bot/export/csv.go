package export

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"time"

	"yanquan/models"
)

// writeCSV writes one list of all stores.
func (r Request) writeCSV(ctx context.Context, w io.Writer) (Sums, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	if _, err := out.WriteString("\uFEFF"); err != nil {
		return Sums{}, fmt.Errorf("export: %w", err)
	}
	table := csv.NewWriter(out)
	table.UseCRLF = true
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.heading
	}
	if err := table.Write(record); err != nil {
		return Sums{}, fmt.Errorf("export: %w", err)
	}
	var sums Sums
	values := make([]value, 0, len(columns))
	for _, s := range r.Stores {
		err := r.each(ctx, s.ID, func(v models.Voucher) error {
			sums.add(v)
			values = line(values, s, v)
			for i, c := range columns {
				record[i] = r.plainCell(c.kind, values[i])
			}
			return table.Write(record)
		})
		if err != nil {
			return Sums{}, err
		}
	}
	table.Flush()
	if err := table.Error(); err != nil {
		return Sums{}, fmt.Errorf("export: %w", err)
	}
	if err := out.Flush(); err != nil {
		return Sums{}, fmt.Errorf("export: %w", err)
	}
	return sums, nil
}

func (r Request) plainCell(k kind, v value) string {
	switch {
	case k == money:
		return string(appendYuan(nil, v.n))
	case k == moment && v.at.IsZero():
		return ""
	case k == moment:
		return v.at.In(r.Location).Format(time.DateTime)
	}
	return defused(v.text)
}
