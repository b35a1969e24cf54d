package dianping

import "errors"

// batchRows gives the rows of a batchconsume answer, each as the answer of a
// consume.
func batchRows(data any) []answer {
	objects, _ := rows(data)
	var list []answer
	for _, o := range objects {
		row := answer{code: o.outcome(rowKeys), msg: o.text(wordKeys...), data: o["consumedetaillist"]}
		if row.code != "" || row.data != nil {
			row.lookAtRows(CallBatchConsume)
			list = append(list, row)
		}
	}
	return list
}

// about reports whether the row names a code.
func (a answer) about(code string) bool {
	for _, r := range receipts(a.data) {
		if r.Code != "" && names(r.Code, code) {
			return true
		}
	}
	return false
}

// batchConsumed gives the vouchers that a batch's rows say are consumed.
func batchConsumed(data any) []Receipt {
	var list []Receipt
	for _, row := range batchRows(data) {
		if isSuccess(row.code) || row.partly {
			list = append(list, consumed(row.data)...)
		}
	}
	return list
}

// assign finds the row of each item; -1 where there is none. A refused row does
// not say its code, so place decides, but only where every row that does name a
// code of the request stands in that code's place.
func assign(items []BatchItem, list []answer) []int {
	byPlace := len(list) == len(items)
	named := make([]int, len(items))
	for i, item := range items {
		named[i] = -1
		for j, row := range list {
			if row.about(item.Code) && (named[i] < 0 || j == i) {
				named[i] = j
			}
		}
		if named[i] >= 0 && named[i] != i {
			byPlace = false
		}
	}
	for i := range named {
		if named[i] < 0 && byPlace && len(receipts(list[i].data)) == 0 {
			named[i] = i
		}
	}
	return named
}

// readBatch gives the outcome of each item.
func readBatch(items []BatchItem, data any, report reporter) ([]BatchResult, error) {
	list := batchRows(data)
	if len(list) == 0 {
		return nil, errNoData("outcome that can be read")
	}
	results := make([]BatchResult, len(items))
	for i, at := range assign(items, list) {
		result, item := &results[i], items[i]
		if at < 0 {
			result.Err = report.fail(UnknownOutcome, errors.New("the answer does not speak of this code"))
			continue
		}
		report.code, report.count = item.Code, item.Count
		result.Err = judge(report, 200, list[at], func(data any) (err error) {
			result.Receipts, err = readConsumed(item.Code, item.Count, data)
			return err
		})
	}
	return results, nil
}
