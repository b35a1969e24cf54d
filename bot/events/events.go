// Package events takes what a platform posts by itself, each message once: that a coupon
// was verified, undone or refunded, and that a merchant has authorised the application. It
// knows neither HTTP's routes nor who the managers
// are.
//
// A message may come never, twice, late, or before the answer to the call that it is
// about. So a verification and its undo are reasons to ask the platform about what is in
// doubt, and change nothing by themselves. A refund has no question: it is told.
package events

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"yanquan/bot"
	"yanquan/bot/platform"
	"yanquan/bot/words"
	"yanquan/douyin"
	"yanquan/models"
)

// Douyin takes the messages of Douyin 来客. All fields but AccountID are needed.
type Douyin struct {
	DB        *models.DB
	Client    *douyin.Client
	AccountID string // of 来客; has the shops whose account names no other
	Words     *words.Words
	// Tell tells the managers of stores, once for each key, in the transaction that takes
	// the message.
	Tell func(ctx context.Context, tx *models.DB, key string, stores []int64, card bot.Card) error
	// Lease is how long work on an operation may hold it; what is looked at within that
	// time anyway is left alone.
	Lease time.Duration
	Log   *slog.Logger
}

// Take takes a message that was posted, and gives the body to answer with. Once it
// returns without an error, the message is durable, or says nothing that concerns us.
// Errors are those of [douyin.Client.ReadNotice], or trouble of ours: the platform posts
// it again then.
func (d *Douyin) Take(ctx context.Context, header http.Header, body []byte) (answer []byte, err error) {
	n, err := d.Client.ReadNotice(header, body)
	if err != nil || n.Answer != nil {
		return n.Answer, err
	}
	if n.Event == douyin.EventAuthorized && idForm.MatchString(n.AccountID) {
		return nil, d.authorized(ctx, n)
	}
	if n.Event != douyin.EventCertificate || !known[n.Action] || !idForm.MatchString(n.OrderID) || !idForm.MatchString(n.CertificateID) {
		d.Log.InfoContext(ctx, "a message of the platform is left alone", "platform", platform.DouyinName, "event", n.Event, "action", n.Action, "trace", n.TraceID)
		return nil, nil
	}
	err = d.DB.Tx(ctx, func(tx *models.DB) error {
		fresh, err := tx.Notices.Record(ctx, platform.DouyinName, name(n))
		if err != nil || !fresh {
			return err
		}
		if _, err := tx.Journal.Ask(ctx, platform.DouyinName, n.OrderID, d.Lease); err != nil {
			return err
		}
		if n.Action != douyin.ActionRefunded {
			return nil
		}
		return d.refund(ctx, tx, n)
	})
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return nil, nil
}

var known = map[string]bool{douyin.ActionVerify: true, douyin.ActionCancel: true, douyin.ActionRefunded: true}

// idForm is what the platform's ids look like.
var idForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// name is what a message is taken once by. The Msg-Id alone is that of a coupon and an
// action (page order.query/trade.certificate.notify): what is verified, undone and
// verified again has it twice.
func name(n douyin.Notice) string {
	if n.Sent.IsZero() {
		return n.ID
	}
	return n.ID + "@" + strconv.FormatInt(n.Sent.Unix(), 10)
}
