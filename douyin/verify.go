package douyin

// readVerified reads the rows of a verify.
func readVerified(p reporter, data object) (rows []Verified, readable bool) {
	list, _, readable := data.list("verify_results")
	for _, o := range list {
		serial, amount := useOf(o)
		rows = append(rows, Verified{
			EncryptedCode: Secret(o.text("code")), ID: o.id("verify_id"), CertificateID: o.id("certificate_id"),
			OrderID: o.id("order_id"), Code: o.text("origin_code"), AccountID: o.id("account_id"), ProductID: o.id("product_id"),
			Serial: serial, Amount: amount,
			Result: p.scrub.ID(o.code("result")), Message: p.scrub.Sentence(o.text("msg")),
		})
	}
	return rows, readable
}

// matches reports whether the rows are those of the request: one for each code, of
// its order. A row without a code stands for one that no other row names.
func (r VerifyRequest) matches(rows []Verified) bool {
	if len(rows) != len(r.Codes) {
		return false
	}
	left := map[Secret]int{}
	for _, code := range r.Codes {
		left[code]++
	}
	for _, row := range rows {
		if row.OrderID != "" && r.OrderID != "" && row.OrderID != r.OrderID {
			return false
		}
		if row.EncryptedCode == "" {
			continue
		}
		if left[row.EncryptedCode]--; left[row.EncryptedCode] < 0 {
			return false
		}
	}
	return true
}

// judgeVerify judges a verify by its envelope and its rows: the rows say what became
// of each coupon, and the envelope cannot take that back.
func (p reporter) judgeVerify(req VerifyRequest, a answer, failure *Error) ([]Verified, *Error) {
	rows, readable := readVerified(p, a.data)
	var done, held, refused, unclear int
	var first verdict
	var says Verified // the row of first
	for _, row := range rows {
		v := classifyRow(row.Result)
		switch {
		case row.Result == "0", req.Again && failure == nil && v.reason == AlreadyUsed:
			done++
			continue
		case v.class == Held:
			held++
		case v.class == UnknownOutcome:
			unclear++
		default:
			refused++
		}
		if first.class == "" {
			first, says = v, row
		}
	}
	if failure != nil {
		failure.Rows = rows
		switch {
		case failure.Class == UnknownOutcome:
			if done > 0 && done < len(rows) && readable && req.matches(rows) { // an envelope that is not whole
				failure.Reason = PartlyVerified
			}
		case done > 0, unclear > 0, held > 0 && failure.Class != Held:
			failure.Class, failure.Reason = UnknownOutcome, PartlyVerified
		}
		return nil, failure
	}
	switch {
	case len(rows) == 0 || !readable:
		return nil, p.unread(a, errNoData("row that can be read"))
	case !req.matches(rows):
		e := p.unread(a, errOtherCode)
		e.Rows = rows
		return nil, e
	case done == len(rows):
		return rows, nil
	}
	e := p.fail(first.class, nil)
	e.HTTPStatus, e.Code, e.Message, e.TraceID, e.Rows = 200, says.Result, says.Message, p.scrub.ID(a.trace), rows
	e.Reason = first.reason
	switch {
	case unclear > 0:
		if e.Class = UnknownOutcome; done+held+refused > 0 {
			e.Reason = PartlyVerified
		}
	case done > 0 || held > 0 && refused > 0:
		e.Class, e.Reason = UnknownOutcome, PartlyVerified
	}
	return nil, e
}

// judgeCancel judges an undo. Its rows are optional.
func (p reporter) judgeCancel(verifyID string, a answer, failure *Error) *Error {
	rows, _, readable := a.data.list("cancel_results")
	var done, failed int
	var first object
	for _, row := range rows {
		if id := row.id("verify_id"); id != "" && id != verifyID {
			if failure == nil {
				failure = p.unread(a, errOtherCode)
			}
			return failure
		}
		if row.code("result_code") == "0" {
			done++
		} else if failed++; first == nil {
			first = row
		}
	}
	switch {
	case failure != nil && done > 0: // contradicts itself
		failure.Class, failure.Reason = UnknownOutcome, Other
		return failure
	case failure != nil:
		return failure
	case !readable:
		return p.unread(a, errNoData("row that can be read"))
	case failed == 0:
		return nil
	}
	v := classifyRow(first.code("result_code"))
	e := p.fail(v.class, nil)
	e.Reason, e.HTTPStatus, e.TraceID = v.reason, 200, p.scrub.ID(a.trace)
	e.Code, e.Message = p.scrub.ID(first.code("result_code")), p.scrub.Sentence(first.text("result_msg"))
	if done > 0 {
		e.Class = UnknownOutcome
	}
	return e
}
