package dianping

import (
	"context"
	"fmt"
	"strings"
)

func (c *client) Prepare(ctx context.Context, shop Shop, code string) (Receipt, error) {
	r := request{call: CallPrepare, shop: shop, code: code}.trimmed()
	return once(ctx, c, r, func(data any) (Receipt, error) { return readPrepared(r.code, data) })
}

func (c *client) ScanPrepare(ctx context.Context, shop Shop, qr string) ([]Receipt, error) {
	r := request{call: CallScanPrepare, shop: shop, qr: qr}.trimmed()
	return once(ctx, c, r, readScanned)
}

func (c *client) Consume(ctx context.Context, shop Shop, req ConsumeRequest) ([]Receipt, error) {
	r := request{
		call: CallConsume, shop: shop, requestID: req.RequestID,
		code: req.Code, count: req.Count, operator: req.Operator,
	}.trimmed()
	return once(ctx, c, r, func(data any) ([]Receipt, error) {
		return readConsumed(r.code, r.count, data)
	})
}

func (c *client) BatchConsume(ctx context.Context, shop Shop, req BatchConsumeRequest) ([]BatchResult, error) {
	r := request{
		call: CallBatchConsume, shop: shop, requestID: req.RequestID,
		items: req.Items, operator: req.Operator,
	}.trimmed()
	return once(ctx, c, r, func(data any) ([]BatchResult, error) {
		return readBatch(r.items, data, c.reporter(r))
	})
}

func (c *client) ReverseConsume(ctx context.Context, shop Shop, req ReverseRequest) ([]Receipt, error) {
	r := request{
		call: CallReverseConsume, shop: shop,
		code: req.Code, dealID: req.DealID, operator: req.Operator,
	}.trimmed()
	return once(ctx, c, r, func(data any) ([]Receipt, error) {
		return readReversed(r.code, r.dealID, data)
	})
}

func (c *client) GetConsumed(ctx context.Context, shop Shop, code string) (Record, error) {
	r := request{call: CallGetConsumed, shop: shop, code: code}.trimmed()
	return once(ctx, c, r, func(data any) (Record, error) { return readRecord(r.code, data) })
}

// Rows asked for at a time. The second generation allows 300 for the history
// and 30 for a customer's codes; the first generation's public clients ask for
// 100, and what it allows is not known.
const (
	historyLimit = 100
	serialLimit  = 30
	dealLimit    = 100
)

func (c *client) QueryListByDate(ctx context.Context, shop Shop, q ListQuery) ([]Record, error) {
	r := request{call: CallQueryListByDate, shop: shop, list: q, limit: historyLimit}.trimmed()
	if c.Platform() == Meituan {
		r.limit = 300
	}
	key := func(v Record) string { // several visits of one code may be of the same second
		return strings.Join([]string{v.Code, v.VerifyTime.String(), v.VerifyAccount, v.FlowID}, "\x00")
	}
	list, err := collect(r.limit, false, key, func(offset int) (page[Record], *Error) {
		r.offset = offset
		return fetch(ctx, c, r, readHistory)
	}, c.reporter(r))
	return list, asError(err)
}

func (c *client) QueryByMobile(ctx context.Context, shop Shop, q MobileQuery) ([]string, error) {
	r := request{call: CallQueryByMobile, shop: shop, mobile: q, limit: serialLimit}.trimmed()
	key := func(code string) string { return code }
	list, err := collect(r.limit, true, key, func(offset int) (page[string], *Error) {
		r.offset = offset
		return fetch(ctx, c, r, readSerials)
	}, c.reporter(r))
	return list, asError(err)
}

func (c *client) QueryShopDeal(ctx context.Context, shop Shop) ([]Deal, error) {
	r := request{call: CallQueryShopDeal, shop: shop, limit: dealLimit}.trimmed()
	key := func(v Deal) string { return fmt.Sprintf("%d/%d/%s", v.DealID, v.DealGroupID, v.Title) }
	list, err := collectPages(key, func(number int) (page[Deal], *Error) {
		r.offset = number
		return fetch(ctx, c, r, readDeals)
	}, c.reporter(r))
	return list, asError(err)
}

// fetch makes one request and reads its answer; a failure gives the zero T.
func fetch[T any](ctx context.Context, c *client, r request, read func(data any) (T, error)) (T, *Error) {
	var value T
	err := c.call(ctx, r, func(data any) (err error) {
		value, err = read(data)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return value, nil
}

// once is fetch for the calls of one request.
func once[T any](ctx context.Context, c *client, r request, read func(data any) (T, error)) (T, error) {
	value, err := fetch(ctx, c, r, read)
	return value, asError(err)
}

// asError keeps a nil *Error from becoming an error that is not nil.
func asError(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}
