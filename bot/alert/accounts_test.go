package alert

import (
	"reflect"
	"testing"

	"yanquan/models"
)

// What is seen in a store's accounts is seen in the store, once.
func TestAccountsCountForTheirStore(t *testing.T) {
	t.Parallel()
	store := models.Store{Account: models.Account{ID: 1, Active: true}, Further: []models.Account{{ID: 2, Active: true, BelongsTo: 1}}}
	other := models.Store{Account: models.Account{ID: 3, Active: true}}
	s := sight{stores: map[int64]models.Store{1: store, 2: store, 3: other}}
	got := s.byStore([]models.Seen{
		{StoreID: 1, UserID: "a", Of: 3, Times: 1}, {StoreID: 2, UserID: "a", Of: 2, Times: 2}, {StoreID: 2, UserID: "b", Of: 1}, {StoreID: 3, UserID: "a", Of: 1},
	})
	want := []models.Seen{{StoreID: 1, UserID: "a", Of: 5, Times: 3}, {StoreID: 1, UserID: "b", Of: 1}, {StoreID: 3, UserID: "a", Of: 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if ids, err := s.consuming([]int64{3, 2, 1}, nil); err != nil || !reflect.DeepEqual(ids, []int64{1, 3}) {
		t.Errorf("%v, %v", ids, err)
	}
}
