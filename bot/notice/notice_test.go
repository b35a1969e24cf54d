package notice_test

import (
	"testing"

	"yanquan/bot/notice"
	"yanquan/models"
)

// A group is told of the stores it names, also of one that is part of another by now.
func TestWebhookAbout(t *testing.T) {
	t.Parallel()
	s := models.Store{Account: models.Account{ID: 1, Name: "静安店"}, Further: []models.Account{{ID: 2, Name: "静安寺店", BelongsTo: 1}}}
	for name, want := range map[string]bool{"静安店": true, "静安寺店": true, "外滩店": false} {
		if got := (notice.Webhook{Stores: []string{name}}).About(s); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !(notice.Webhook{}).About(s) {
		t.Error("a group that names no stores is told of all")
	}
}
