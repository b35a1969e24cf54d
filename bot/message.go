package bot

import "time"

// Fields drops what is not known.
func Fields(pairs ...Field) []Field {
	var out []Field
	for _, f := range pairs {
		if f.Value != "" && len(out) < MaxFields {
			out = append(out, f)
		}
	}
	return out
}

// Refusal says why something may not be done here, in a head and what follows.
type Refusal struct{ Title, Text string }

// Reply is the refusal in words.
func (r Refusal) Reply() Reply {
	if r == (Refusal{}) {
		return Reply{}
	}
	return Reply{Text: r.Title + "。" + r.Text}
}

// Kind is what a person did.
type Kind string

const (
	Text  Kind = "text"  // typed something
	Click Kind = "click" // pressed a button on a card
	Enter Kind = "enter" // opened the conversation
	Photo Kind = "photo" // sent Pictures; Text is what was written beside them
	Scan  Kind = "scan"  // scanned a code from the app's menu; Scanned is what it says
	Voice Kind = "voice" // spoke; Text is what was understood
	Other Kind = "other" // a film, a file, …: Text says which in one word ("file"); "text": it did not come whole, "nowhere": from an unknown place

	// Usage: WeCom says that the app is used too little, or enough again. Text is the
	// event, At from when it holds; it has no answer.
	Usage Kind = "usage"
)

// Message is one thing a person did, whatever channel it came by. Its JSON form
// is what the inbox keeps (sealed, for the way back is a secret).
type Message struct {
	Channel string    `json:"channel"`           // "app/main", "bot/group", "socket/group": kind and configured name
	ID      string    `json:"id"`                // unique within the channel: WeCom's id, or one made from the content of an event
	Chat    string    `json:"chat"`              // the group's id; empty in a 1:1 conversation
	User    string    `json:"user"`              // userid, case-folded; of another corp's member "corpid/userid"
	SentAs  string    `json:"sent_as,omitempty"` // the sender's id as WeCom wrote it, where User is not the same
	Kind    Kind      `json:"kind"`
	Text    string    `json:"text,omitempty"`  // without the mentions whose end is certain
	Quote   string    `json:"quote,omitempty"` // text of the message it answers
	Button  *Button   `json:"button,omitempty"`
	At      time.Time `json:"at"`

	// Came is when it reached this program, where it may wait to be stored; zero: it is
	// stored at once. The inbox keeps it beside the message.
	Came time.Time `json:"-"`

	// Pictures sent, or answered to, with a text.
	Pictures []Picture `json:"pictures,omitempty"`
	Scanned  []string  `json:"scanned,omitempty"` // what the codes on the pictures say, once they were read
	Means    string    `json:"means,omitempty"`   // the command that a picture or a scan amounts to, encoded, once that is known

	// Way leads back to who gave the message.
	Way Way `json:"way,omitzero"`
}

// Picture is where a picture can be fetched: by an app's media id for three days,
// by a robot's URL for five minutes.
type Picture struct {
	MediaID string `json:"media_id,omitempty"`
	URL     string `json:"url,omitempty"` // its content is encrypted
	Key     string `json:"key,omitempty"` // of this URL alone, in base64; empty: the robot's EncodingAESKey
}

// Button is a button that was pressed, and the card it is on.
type Button struct {
	TaskID   string `json:"task_id"`
	Key      string `json:"key"`
	CardType string `json:"card_type,omitempty"`
}

// Private reports whether the message came in a 1:1 conversation.
func (m Message) Private() bool { return m.Chat == "" }

// Passive is [Way.Passive].
func (m Message) Passive() bool { return m.Way.Passive }

// Streams is [Way.Streams].
func (m Message) Streams() bool { return m.Way.Streams }

// Reply is what the bot answers. It is stored before it is sent, so that a
// repeat of the message gets the same again.
type Reply struct {
	Card *Card  `json:"card,omitempty"`
	Text string `json:"text,omitempty"` // markdown (bold, lists, line breaks only); with a Card: what did not fit on it

	// Table says a part of it anew, for channels that can show one; the others leave
	// it out.
	Table *Table `json:"table,omitempty"`

	// File comes after card and text.
	File *File `json:"file,omitempty"`

	// Pending: the outcome is not known yet. A final reply to the same message follows.
	Pending bool `json:"pending,omitempty"`

	// Open: nothing more is promised, but the outcome is not known, and is told should
	// it become known.
	Open bool `json:"open,omitempty"`
}

// Empty reports whether there is nothing to say.
func (r Reply) Empty() bool { return r.Card == nil && r.Text == "" && r.File == nil }

// Table is rows of cells under a head; all but the first column are figures.
type Table struct {
	Title string     `json:"title"`
	Head  []string   `json:"head"`
	Rows  [][]string `json:"rows"`
}

// File is something to look at or to keep. Its content is in the database, by ID.
type File struct {
	ID   string   `json:"id"`
	Name string   `json:"name"` // with its ending
	Kind FileKind `json:"kind"`
	Size int64    `json:"size"`
	// URL of a page where this person alone can fetch it, for channels that cannot
	// send files; may be empty.
	URL string `json:"url,omitempty"`
}

// FileKind says how a file is shown.
type FileKind string

const (
	AnyFile FileKind = "file"
	Image   FileKind = "image" // PNG or JPEG
)

// Card is a WeCom template card in the bot's own words; bot/wecom turns it into
// the wire form of a channel and enforces that channel's limits.
type Card struct {
	TaskID string    `json:"task_id"`          // [0-9A-Za-z_@-], at most 128 bytes, unique forever
	Source string    `json:"source,omitempty"` // small line on top: 验券 · 人民广场店
	Title  string    `json:"title"`
	Desc   string    `json:"desc,omitempty"` // under the title
	Tone   Tone      `json:"tone,omitempty"`
	Text   string    `json:"text,omitempty"`   // a sentence below
	Quote  *Quote    `json:"quote,omitempty"`  // grey box
	Fields []Field   `json:"fields,omitempty"` // at most six
	Keys   []CardKey `json:"keys,omitempty"`   // buttons, at most six
	URL    string    `json:"url,omitempty"`    // where a press on the card leads

	// Until when the buttons say what can be done, where that ends, and what they
	// are about: an operation, or a [models.LookSubject]; empty: those of the message.
	Until time.Time `json:"until,omitzero"`
	About string    `json:"about,omitempty"`
	// Timed: Text says no more than until when.
	Timed bool `json:"timed,omitempty"`
}

// CardLife is how long an app's card can be changed after it was sent (page 94888).
const CardLife = 72 * time.Hour

// Tone colours the source line.
type Tone string

const (
	Plain Tone = ""
	Good  Tone = "good"
	Bad   Tone = "bad"
)

// Quote is the grey box of a card.
type Quote struct {
	Title string `json:"title,omitempty"`
	Text  string `json:"text"`
}

// Field is one line "key value".
type Field struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	User  string `json:"user,omitempty"` // userid whose profile the line opens
	Fact  Fact   `json:"fact,omitempty"`
}

// Fact says what a field is about, for those who show it in another way.
type Fact string

// Price is what was paid for the vouchers of a card.
const Price Fact = "price"

// CardKey is one button.
type CardKey struct {
	Text string `json:"text"`
	Key  string `json:"key"` // comes back in Button.Key; untrusted then
	// Say is what to text instead, where a channel shows no buttons.
	Say   string   `json:"say,omitempty"`
	Style KeyStyle `json:"style,omitempty"`
}

// KeyStyle says how a button looks.
type KeyStyle string

const (
	Primary KeyStyle = "primary"
	Quiet   KeyStyle = "quiet"
	Danger  KeyStyle = "danger"
)

// Limits of one card: WeCom's own, and how many characters of a value its clients show
// in every channel.
const (
	MaxKeys   = 6
	MaxFields = 6
	MaxValue  = 26
)
