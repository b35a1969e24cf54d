package bot

import (
	"context"
	"errors"
	"time"
)

// Delivery is one reply on its way out through a channel that sends by itself:
// message/send, update_template_card or a reply URL.
type Delivery struct {
	ID      string // fixed over all tries
	Channel string // "app/main", "bot/group", "socket/group"
	Chat    string // group id or ""
	User    string // the person it answers
	SentAs  string // [Message.SentAs]
	Reply   Reply
	Form    Form

	// Way leads back to the message that it answers, which a person gave by doing what
	// Answers says, at the time Asked. Zero: it was not asked for.
	Way     Way       `json:"Way,omitzero"`
	Answers Kind      `json:",omitempty"`
	Asked   time.Time `json:",omitzero"`

	// Card is the task id of a card that can be changed: the one that was pressed, by
	// the Way, or one that was sent, by its Code. Where that is refused, a card of its
	// own takes its place, but not that of a Change, which was not asked for.
	Card   string `json:",omitempty"`
	Code   string `json:",omitempty"`
	Change bool   `json:",omitempty"`

	// Stream names the stream that shows people that their answer is under way.
	Stream string `json:",omitempty"`
	// Ends: it only ends the stream, and waits for nothing.
	Ends bool `json:",omitempty"`
	// Open: that stream has been begun, and this delivery has to finish it.
	Open bool `json:"-"`
	// Lost: an earlier try in the same form has no known outcome; it may have been taken.
	Lost bool `json:"-"`
}

// Form is the rung of the fallback ladder a delivery stands on.
type Form string

const (
	AsUpdate   Form = "update"   // change the clicked card
	AsCard     Form = "card"     // template card
	AsMarkdown Form = "markdown" // the same facts as markdown
	AsText     Form = "text"     // the same facts as plain text
	AsStream   Form = "stream"   // a line that another delivery will replace
	AsLink     Form = "link"     // the file could not be sent: where to fetch it; the rest has gone out
)

// Courier sends deliveries. bot/wecom implements it.
type Courier interface {
	// Deliver makes one try. A failure is a *DeliveryError.
	Deliver(ctx context.Context, d Delivery) (Sent, error)
	// FirstForm is the rung a delivery starts on: what this channel can do best
	// with this reply in this conversation.
	FirstForm(d Delivery) Form
	// PerMinute is how many deliveries the conversation of this one takes in a
	// minute; zero is any number.
	PerMinute(d Delivery) int
	// Changes reports whether a channel can change a card that it has sent.
	Changes(channel string) bool
	// Away lists the channels that another process has to send by: it holds the
	// connection, or none does at present.
	Away() []string
}

// Sent is what the channel said of a delivery that succeeded.
type Sent struct {
	MessageID string
	Code      string // allows one change of the card, see [Delivery]
	Refused   string // what was refused of it though the rest went out, as a reason; or ""
}

// DeliveryError is a try that failed.
type DeliveryError struct {
	Reason    string        // a short fixed word for logs and metrics: "rate_limited", "card_refused", "token", "no_receiver", "ip_not_trusted", "timeout", …
	Retry     bool          // the same again may succeed
	After     time.Duration // not before
	Lost      bool          // it may have been taken
	Alone     bool          // it may be for what this delivery is; another may be taken
	Downgrade Form          // try this rung next; empty: none
	Err       error
}

func (e *DeliveryError) Error() string {
	if e.Err == nil {
		return "bot: delivery: " + e.Reason
	}
	return "bot: delivery: " + e.Reason + ": " + e.Err.Error()
}

func (e *DeliveryError) Unwrap() error { return e.Err }

// Directory is the company's list of members.
type Directory interface {
	// Name is what a member is called; "" where we may not see it.
	Name(ctx context.Context, user string) (string, error)
	// UserIDs gives the userids behind encrypted ids; those it cannot tell are
	// left out.
	UserIDs(ctx context.Context, openIDs []string) (map[string]string, error)
}

// Pictures fetches what people photograph. bot/wecom implements it.
type Pictures interface {
	// Fetch gives the content of a picture that came by a channel. Its errors match
	// those below where one of them is the reason, and never hold its URL.
	Fetch(ctx context.Context, channel string, p Picture) ([]byte, error)
}

// Why a picture could not be fetched.
var (
	ErrPictureGone       = errors.New("bot: picture can no longer be fetched")
	ErrPictureTooLarge   = errors.New("bot: picture too large")
	ErrPictureUnreadable = errors.New("bot: picture cannot be decrypted")
)
