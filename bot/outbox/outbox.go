// Package outbox sends answers and notices. Everything that is sent is a row of the
// database first, written in the transaction that makes it true.
//
// The life of a delivery:
//
//   - Queued. [Outbox.Answer], [Outbox.Send] and their like write it behind the
//     others of its conversation, due now or after a delay in which another way may
//     show the same. A notice, which was not asked for, has a conversation of its
//     own for each receiver, whose order means nothing, so that transactions that
//     write to the same people do not wait for each other.
//   - Claimed. A try has a lease; while it holds, no other process tries, and nothing
//     else of the conversation goes out. The process that commits an answer has
//     claimed it with the row and sends it at once, unless something is queued before
//     it or the receiver's minute is full. All else is found by the background work
//     ([Outbox.Due]), and so is what a process leaves that dies.
//   - Tried. What is refused goes down the ladder of forms (update, card, markdown,
//     text), or is tried again, ever later. A try whose answer was lost may have been
//     taken: the next one says so, and the channel tells a repeat by it.
//   - Overtaken. What a channel refuses that takes others, as a proxy may, holds up the
//     others of its conversation for a minute only (heldTries). It is tried until its end
//     like any other, and says that it is late.
//   - Sent, failed, or obsolete: another answer has taken its place, or another way
//     has shown it. What answers by a robot that cannot be reached any more, goes to
//     the person by the app.
//   - Changed. A card that an app has sent is changed once what it offers is over
//     ([Outbox.ChangeCards]).
package outbox

import (
	"context"
	"log/slog"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// Outbox sends what is to be sent.
type Outbox struct {
	DB            *models.DB
	Courier       bot.Courier
	NoticeChannel string // reaches a person where the conversation cannot be reached any more; may be empty
	Observer      Observer
	// Render says what a card that was sent is to be changed to, and when to look
	// again; no card: what it shows is still true, or nothing can be said yet.
	Render func(ctx context.Context, tx *models.DB, o models.Outgoing, shown *bot.Card) (*bot.Card, time.Time, error)
	// Late makes an answer that later ones have overtaken say of when it is.
	Late func(r bot.Reply, of time.Time) bot.Reply

	Now    func() time.Time
	NewID  func() string
	Jitter func() float64
	Log    *slog.Logger
	Wake   func(jobs ...string) // nil: what is due is looked for all the time

	cards   cardLife
	queue   queue
	passive passive
}

// Names of the jobs of [Outbox.Due] and [Outbox.RecordFetched].
const (
	JobDeliveries = "delivery"
	JobFetched    = "fetched"
)

// Observer counts deliveries, for metrics.
type Observer interface {
	Delivered(channel, reason string) // reason is "" where it was sent
}
