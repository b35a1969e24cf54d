// Package models is what the bot keeps in its database: stores, people and
// merchants' grants, the inbox, the journal of operations, the outbox. It speaks SQL
// through GORM, to SQLite and to anything with the MySQL protocol, and knows nothing
// of HTTP, WeCom or the platform's dialects.
//
// A [DB] has a store for each of these things, such as [InboxStore] in DB.Inbox. All
// its stores share one database, or one transaction where [DB.Tx] gave the DB.
//
// Every change of state is a method with a name and a compare-and-swap on the
// row's attempt number (a grant's version), so that any number of processes can share a database:
// only unique indexes and conditional updates are relied on, never row locks.
// [ErrStale] tells the loser of a race.
package models

import "time"

// Role of a person in a store.
type Role string

const (
	RoleStaff   Role = "staff"
	RoleLead    Role = "lead"
	RoleManager Role = "manager"
	RoleGuest   Role = "guest"  // nothing by itself: a name for who is staff by a group, and only there
	RoleBarred  Role = "barred" // nothing, also where a group makes staff of everybody
)

// Member is a person's place in a store.
type Member struct {
	StoreID int64  `gorm:"primaryKey;autoIncrement:false"`
	UserID  string `gorm:"primaryKey;size:64"` // case-folded
	Name    string `gorm:"size:128"`
	Role    Role   `gorm:"size:16"`
}

// ConfiguredStore is a store declared in config.yaml, with its first account.
type ConfiguredStore struct {
	Platform, ShopID, Name string
	Session, AccountID     string              // as in ConfiguredAccount
	Accounts               []ConfiguredAccount // further ones
	Chats                  []string            // case-sensitive
	Staff                  []Member            // StoreID is ignored
}

// ConfiguredAccount is a further account of a store declared in config.yaml.
type ConfiguredAccount struct {
	Platform, ShopID string
	Session          string // "": the account needs none, or lives by its grant
	AccountID        string // see [Account]
}

// Inbox is one accepted message. It is accepted once its row is durable.
type Inbox struct {
	ID         string `gorm:"primaryKey;size:64"`
	Channel    string `gorm:"size:64"`
	MessageID  string `gorm:"size:190"` // unique within Channel
	Chat       string `gorm:"size:128"`
	User       string `gorm:"size:64;column:user_id"`
	Payload    []byte // the message; sealed in the database
	Reply      []byte // nil until answered; sealed in the database
	Final      bool   // Reply will not change any more
	Attempt    int
	DueAt      time.Time `gorm:"serializer:utc"` // while unanswered: end of its owner's lease
	ReceivedAt time.Time `gorm:"serializer:utc"`
	AnsweredAt time.Time `gorm:"serializer:utc"` // zero until answered
}

// State of an operation.
//
//	calling → done | rejected | unknown | held
//	unknown → done | rejected | unknown | held
//	held → done | rejected | held | unknown
//	done → undoing → undone | done | undo_unknown
//	undo_unknown → undone | done | undo_unknown
type State string

const (
	Calling     State = "calling"      // intent is durable, consume may have been sent
	Unknown     State = "unknown"      // consume's outcome is not known; being settled
	Held        State = "held"         // consume is kept back by the platform, which decides later; see [JournalStore.HeldConsume]
	Done        State = "done"         // consumed at the platform
	Rejected    State = "rejected"     // refused, nothing consumed
	Undoing     State = "undoing"      // undo may have been sent
	UndoUnknown State = "undo_unknown" // undo's outcome is not known; being settled
	Undone      State = "undone"       // every coupon was undone
)

// Terminal reports whether nothing is under way.
func (s State) Terminal() bool { return s == Done || s == Rejected || s == Undone }

// Operation is one verification, with its undo.
type Operation struct {
	ID      string    `gorm:"primaryKey;size:64"` // 32 characters [0-9a-z]; doubles as the platform's requestid, so that it is fixed for life
	StoreID int64     // its [Account]
	Code    string    `gorm:"size:64"` // as typed
	Count   int       `gorm:"column:coupon_count"`
	State   State     `gorm:"size:16"`
	Attempt int       // fencing token: every move checks and raises it
	DueAt   time.Time `gorm:"serializer:utc"` // while not terminal: when anybody may take it up (end of lease, or next try)

	// Who and where.
	InboxID string `gorm:"size:64"` // the message that asked for it
	Seq     int    // its place in that message; (InboxID, Seq) is unique
	Channel string `gorm:"size:64"`
	Chat    string `gorm:"size:128"`
	UserID  string `gorm:"size:64"`
	User    string `gorm:"size:128;column:user_name"` // name

	// What the platform told.
	DealID         int64
	DealGroupID    int64
	OrderID        string `gorm:"size:64"`
	Title          string `gorm:"size:255"`
	PriceFen       int64
	PriceUnknown   bool      // the platform told none; PriceFen is 0
	PriceShare     bool      // of one use, computed from the price of a 次卡
	MarketFen      int64     // 0: not known
	Mobile         string    `gorm:"size:32"` // masked
	VoucherExpires time.Time `gorm:"serializer:utc"`
	Left           int       `gorm:"column:left_count"` // coupons of the order, or visits, that could be consumed before; 0: not told
	Reusable       bool      // the code stays good after a visit (次卡)
	Ticket         string    `gorm:"-"` // opaque: of the look, for the consume; sealed while it is under way ([JournalStore.Ticket])

	CreatedAt  time.Time                                 `gorm:"serializer:utc;autoCreateTime:false"`
	CalledAt   time.Time                                 `gorm:"serializer:utc"` // before the first consume call
	SentAt     time.Time                                 `gorm:"serializer:utc"` // before the last call with an effect, of consume or undo
	ConsumedAt time.Time                                 `gorm:"serializer:utc"` // when Done: the platform's time where it is known, else CalledAt
	UndoUntil  time.Time                                 `gorm:"serializer:utc"`
	DoubtSince time.Time                                 `gorm:"serializer:utc"` // when the outcome became unknown; zero when settled
	NeedsHuman bool                                      // doubtful for too long; people were told
	Outcome    `gorm:"embedded;embeddedPrefix:outcome_"` // of consume, when rejected or doubtful
	UsedBy     string                                    `gorm:"size:255"`       // rejected because used: by whom, as far as known
	UsedAt     time.Time                                 `gorm:"serializer:utc"` // …and when
	OtherID    string                                    `gorm:"size:64"`        // another operation of ours: why it is rejected, or that was seen before it

	// Superseded: done, but no longer live, because the same code was verified
	// anew (see [JournalStore.Supersede]). Read only.
	Superseded bool `gorm:"-"`

	// Undo.
	UndoInboxID  string    `gorm:"size:64"`
	UndoUserID   string    `gorm:"size:64"`
	UndoUser     string    `gorm:"size:128;column:undo_user_name"`
	UndoCalledAt time.Time `gorm:"serializer:utc"`
	UndoneAt     time.Time `gorm:"serializer:utc"`
	UndoReason   string    `gorm:"size:64"` // why the last undo was refused
	UndoMessage  string    `gorm:"size:500"`
}

// Outcome is what the platform said.
type Outcome struct {
	Reason  string `gorm:"size:64"`  // a dianping.Reason, or a word of ours
	Code    string `gorm:"size:64"`  // the platform's code
	Message string `gorm:"size:500"` // the platform's words
	TraceID string `gorm:"size:128"`
}

// RequestID is the platform's idempotency key of this operation.
func (o Operation) RequestID() string { return o.ID }

// Coupon is one voucher that an operation consumed. One whose code the platform did not
// tell has none ([Coupon.Untold]): it counts like every other.
type Coupon struct {
	OperationID  string `gorm:"primaryKey;size:64"`
	StoreID      int64
	Code         string `gorm:"primaryKey;size:64"`
	Visit        int    `gorm:"primaryKey;autoIncrement:false"` // counts those of a code that stays good, and those without one, from 1
	OrderID      string `gorm:"size:64"`
	DealID       int64
	DealGroupID  int64
	PriceFen     int64
	PriceUnknown bool      // the platform told none; PriceFen is 0
	PriceShare   bool      // of one use, computed from the price of a 次卡
	Payments     string    // JSON of payment_detail, order level
	Handle       string    `gorm:"size:1024"` // opaque: of the consume, for the undo
	UndoneAt     time.Time `gorm:"serializer:utc"`
	UndoReason   string    `gorm:"size:64"`
}

// Untold: the platform has not told its code, so that no undo can name it.
func (c Coupon) Untold() bool { return c.Code == "" }

// Call is one request to the platform, for the record.
type Call struct {
	ID          int64  `gorm:"primaryKey"`
	OperationID string `gorm:"size:64"` // "" for a query
	StoreID     int64
	ReceiptCode string        `gorm:"size:64"`
	Name        string        `gorm:"size:64"` // "consume", …
	UserID      string        `gorm:"size:64"`
	StartedAt   time.Time     `gorm:"serializer:utc"`
	Took        time.Duration `gorm:"column:took_ns"`
	Class       string        `gorm:"size:64"` // "" for success
	Outcome     `gorm:"embedded;embeddedPrefix:outcome_"`

	Times  int       // equal failures of an operation in a row are one call
	LastAt time.Time `gorm:"serializer:utc"` // when the last of several was made
}

// OutgoingState of an outbox row.
type OutgoingState string

const (
	Queued   OutgoingState = "queued"
	SentOut  OutgoingState = "sent"
	Failed   OutgoingState = "failed"   // hopeless; Reason says why
	Obsolete OutgoingState = "obsolete" // the same was delivered another way
)

// Outgoing is one answer or notice on its way out.
type Outgoing struct {
	ID           string        `gorm:"primaryKey;size:64"` // 32 characters, fixed over all tries
	Seq          int64         // assigned on insert; the order within a conversation
	Conversation string        `gorm:"size:255"` // order holds within it
	Apart        bool          `gorm:"-"`        // on insert: numbered by its time, so that it waits for no other transaction
	Receiver     string        `gorm:"size:255"` // channel + "/" + chat or user: what is sent in a minute counts by it
	Channel      string        `gorm:"size:64"`
	Chat         string        `gorm:"size:128"`
	User         string        `gorm:"size:64;column:user_id"`
	InboxID      string        `gorm:"size:64"` // the message it answers, or ""
	OperationID  string        `gorm:"size:64"` // or "", or see [LookSubject]
	Payload      []byte        // what to send; sealed in the database
	ChangeCode   []byte        // allows one change of the card that was sent; nil: none; sealed in the database
	ChangeAt     time.Time     `gorm:"serializer:utc"` // when the card that was sent is to be changed; zero: never
	Form         string        `gorm:"size:32"`        // rung of the fallback ladder
	State        OutgoingState `gorm:"size:16"`
	Attempt      int           // tries so far: a claim raises it
	DueAt        time.Time     `gorm:"serializer:utc"` // next try, or end of lease
	Reason       string        `gorm:"size:190"`       // of the last failed try; "" while one is made
	Lost         bool          // an earlier try in this form may have been taken
	MessageID    string        `gorm:"size:190"` // the channel's
	CreatedAt    time.Time     `gorm:"serializer:utc;autoCreateTime:false"`
	SentAt       time.Time     `gorm:"serializer:utc"`
}
