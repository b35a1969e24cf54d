package redeem

import (
	"strings"
	"testing"

	"yanquan/bot/platform"
	"yanquan/douyin/douyintest"
	"yanquan/models"
)

const (
	coffee = "1760000000000000001"
	cake   = "1760000000000000002"
)

// mixed sells two coffees and one cake of one order; the first has the code.
func (r *rig) mixed() (codes []string) {
	r.Helper()
	codes = r.orderOf(douyintest.Voucher{Code: code, SKUID: coffee, Title: "手冲咖啡", Price: 1990}, 2)
	v, _ := r.douyin.Voucher(code)
	return append(codes, r.orderOf(douyintest.Voucher{OrderID: v.OrderID, SKUID: cake, ProductID: v.ProductID, Title: "芝士蛋糕", Price: 2990}, 1)...)
}

func (r *rig) orderOf(v douyintest.Voucher, n int) (codes []string) {
	r.Helper()
	v.Shops = []string{"shop-a"}
	all, err := r.douyin.AddOrder(v, n)
	r.must(err)
	for _, v := range all {
		codes = append(codes, v.Code)
	}
	return codes
}

// take consumes what is named.
func (r *rig) take(code string, count int, product, follows string) models.Operation {
	r.Helper()
	q := r.request(code, count, follows)
	q.Product = product
	return r.commit(r.core.Consume(r.Context(), q))
}

// A code of an order with two products uses none of them until a person names one, and
// then that one, however the platform answers.
func TestProductsOfAnOrder(t *testing.T) {
	everyDoubt(t, func(r *rig, _ bool) {
		codes := r.mixed()
		asked := r.consume(code, 1)
		r.is(asked, models.Rejected, ReasonProduct)
		list, more := ProductsIn(asked.Outcome)
		want := []Product{
			{ID: coffee, Title: "手冲咖啡", PriceFen: 1990, Priced: true, Left: 2},
			{ID: cake, Title: "芝士蛋糕", PriceFen: 2990, Priced: true, Left: 1},
		}
		if len(list) != 2 || list[0] != want[0] || list[1] != want[1] || more || asked.Title != "手冲咖啡；芝士蛋糕" || !asked.PriceUnknown {
			r.Errorf("%+v, %+v", list, asked)
		}
		if r.uses() != 0 || r.calls("consume") != 0 {
			r.Errorf("%d uses, %d verifies", r.uses(), r.calls("consume"))
		}
		done := r.take(code, 1, cake, "")
		r.is(done, models.Done, "")
		if done.Title != "芝士蛋糕" || done.PriceFen != 2990 || done.Left != 3 {
			r.Errorf("%+v", done)
		}
		r.effects(codes[2], 1, 0)
		r.effects(codes[0], 0, 0)
		r.effects(codes[1], 0, 0)
	})
}

// Whatever is named has to be one of the products; and no more of it is used than is left.
func TestProductNamed(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.mixed()
		for named, reason := range map[string]string{"0003": ReasonNoProduct, "1760000000000000003": ReasonNoProduct, "": ReasonProduct} {
			r.is(r.take(code, 1, named, ""), models.Rejected, reason)
		}
		over := r.take(code, 2, "0002", "")
		if r.is(over, models.Rejected, ReasonTooMany); over.Left != 1 {
			r.Errorf("%+v", over)
		}
		r.is(r.take(code, 3, coffee, ""), models.Rejected, ReasonTooMany)
		r.is(r.take(code, 3, "", ""), models.Rejected, ReasonProduct)
		if r.uses() != 0 {
			r.Errorf("%d uses", r.uses())
		}
		two := r.take(code, 2, "0001", "")
		if r.is(two, models.Done, ""); two.Title != "手冲咖啡" || r.uses() != 2 {
			r.Errorf("%+v, %d uses", two, r.uses())
		}
		if undone := r.undo(two); undone.State != models.Undone {
			r.Errorf("%s %s", undone.State, undone.UndoReason)
		}
	})
}

// A product may be named where there is one, and need not be.
func TestOneProductNamed(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.order(code, 3)
		r.is(r.take(code, 1, cake, ""), models.Rejected, ReasonNoProduct)
		r.is(r.take(code, 1, "0001", ""), models.Done, "")
		r.order("100000000000", 2)
		r.is(r.consume("100000000000", 2), models.Done, "")
	})
}

// More of an order is used product by product: a press that follows a verification has seen its
// product, and no other is used in its place.
func TestProductAgain(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.must(r.douyin.SetKnobs(douyintest.Knobs{UsedCode: douyintest.UsedCodeSiblings}))
		codes := r.mixed()
		first := r.take(code, 2, coffee, "")
		r.is(first, models.Done, "")
		again := r.consume(code, 1)
		if r.is(again, models.Rejected, ReasonHereMore); again.Left != 1 {
			r.Errorf("%+v", again)
		}
		ask := r.take(code, 1, "", first.ID)
		if list, _ := ProductsIn(ask.Outcome); ask.Outcome.Reason != ReasonProduct || len(list) != 1 || list[0].ID != cake || ask.OtherID != first.ID {
			r.Errorf("%+v", ask)
		}
		r.is(r.take(code, 1, cake, first.ID), models.Done, "")
		r.is(r.take(code, 1, cake, first.ID), models.Rejected, ReasonHereSince) // the button twice
		r.effects(codes[2], 1, 0)
		r.is(r.consume(code, 1), models.Rejected, ReasonHere)
	})
}

// An answer that was lost is settled for what was named, and nothing else of the order is
// used meanwhile.
func TestProductInDoubt(t *testing.T) {
	for name, applied := range map[string]bool{"applied": true, "not applied": false} {
		t.Run(name, func(t *testing.T) {
			atDouyin(t, func(r *rig) {
				codes := r.mixed()
				r.lost("consume", applied)
				first := r.take(code, 1, cake, "")
				r.is(first, models.Unknown, platform.Unreachable)
				r.is(r.take(codes[1], 1, coffee, ""), models.Rejected, ReasonBusy)
				if first = r.settleLost(first); first.State == models.Done {
					r.effects(codes[2], 1, 0)
				}
				if r.uses() > 1 || applied && first.State != models.Done {
					r.Errorf("%d uses, %s", r.uses(), first.State)
				}
				r.effects(codes[0], 0, 0)
				r.effects(codes[1], 0, 0)
			})
		})
	}
}

// The look shows what a person chooses from, and the one that is named.
func TestLookAtProducts(t *testing.T) {
	atDouyin(t, func(r *rig) {
		r.mixed()
		q := Question{Account: r.store.Account, UserID: "zhangsan", Code: code, Count: 1}
		found, err := r.core.Look(r.Context(), q)
		r.must(err)
		if list, _ := ProductsIn(found.Op.Outcome); found.Usable || found.Op.Outcome.Reason != ReasonProduct || len(list) != 2 {
			r.Errorf("%+v", found)
		}
		q.Product = "0002"
		if found, err = r.core.Look(r.Context(), q); err != nil || !found.Usable || found.Op.Title != "芝士蛋糕" || found.Op.Left != 1 {
			r.Errorf("%+v, %v", found, err)
		}
	})
}

// What an outcome keeps of products fits into its column, and is read again.
func TestProductList(t *testing.T) {
	t.Parallel()
	var v platform.Voucher
	for range 12 {
		v.Products = append(v.Products, platform.Voucher{
			Code: "12345678901234567890", Product: "1760000000000000001", PriceKnown: true, PriceFen: 99999999, Left: 10, Title: strings.Repeat("咖 |\n", 90),
		})
	}
	text := productList(v)
	if n := len([]rune(text)); n > 500 {
		t.Errorf("%d characters", n)
	}
	all, more := ProductsIn(models.Outcome{Reason: ReasonProduct, Message: text})
	if len(all) != productsKept || !more || all[0].Code != "12345678901234567890" || all[0].Left != 10 || !strings.HasPrefix(all[4].Title, "咖 | 咖 |") {
		t.Errorf("%+v, %t", all, more)
	}
	for _, o := range []models.Outcome{{Reason: ReasonWhich, Message: text}, {Reason: ReasonProduct}, {Reason: ReasonProduct, Message: "x|y"}} {
		if all, more := ProductsIn(o); len(all) > 0 || more {
			t.Errorf("%+v: %+v", o, all)
		}
	}
}
