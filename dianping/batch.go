package dianping

import "errors"

// batchRow is one row of a batchconsume answer.
type batchRow struct {
	code    string // its outcome, in the platform's codes
	message string
	details []Receipt
	whole   bool // details could be read, or there are none
}

func batchRows(data any) []batchRow {
	objects, _ := rows(data)
	var list []batchRow
	for _, o := range objects {
		row := batchRow{
			code:    codeText(o["singleconsumecode"]),
			message: o.text("singleconsumemsg"),
		}
		if row.code == "" && o["consumedetaillist"] == nil {
			continue
		}
		row.details, row.whole = receipts(o["consumedetaillist"])
		list = append(list, row)
	}
	return list
}

// about reports whether the row names a code.
func (r batchRow) about(code string) bool {
	for _, receipt := range r.details {
		if receipt.Code == code {
			return true
		}
	}
	return false
}

// consumedRows gives the vouchers that a batch's rows say are consumed.
func consumedRows(data any) []Receipt {
	var list []Receipt
	for _, row := range batchRows(data) {
		if isSuccess(row.code) {
			list = append(list, row.details...)
		}
	}
	return list
}

// assign finds the row of each item; -1 where there is none. A refused row does
// not say its code, so place decides, but only where every row that does name a
// code of the request stands in that code's place.
func assign(items []BatchItem, list []batchRow) []int {
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
		if named[i] < 0 && byPlace && len(list[i].details) == 0 {
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
		if at < 0 {
			results[i].Err = report.fail(UnknownOutcome, errors.New("the answer does not speak of this code"))
			continue
		}
		row := list[at]
		if isSuccess(row.code) && (len(row.details) > 0 || row.whole) {
			results[i].Receipts = row.details
			if len(row.details) == 0 {
				results[i].Receipts = []Receipt{{Code: items[i].Code}}
			}
			continue
		}
		e := report.fail(UnknownOutcome, nil)
		e.Code, e.Message = report.scrub.code(row.code), report.scrub.sentence(row.message)
		if !isSuccess(row.code) {
			e.Class, e.Reason = classify(CallBatchConsume, 200, row.code, "")
		}
		if e.Reason == PartlyConsumed {
			e.Receipts = row.details
		} else if len(row.details) > 0 {
			e.Receipt = &row.details[0]
		}
		results[i].Err = e
	}
	return results, nil
}
