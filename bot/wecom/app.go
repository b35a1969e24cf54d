package wecom

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanquan/bot"
)

// AppConfig describes one self-built app.
type AppConfig struct {
	Name    string // as in "app/NAME"
	CorpID  string
	AgentID int64
	Secret  string // for the API; callbacks do not need it

	// Of the app's "receive messages" settings.
	Token          string
	EncodingAESKey string

	Now func() time.Time // nil: time.Now
}

// App reads the callbacks of a self-built app (pages 90238 to 90240).
type App struct {
	callback
	channel string
	corpID  string
	agentID int64
}

// NewApp checks the configuration.
func NewApp(cfg AppConfig) (*App, error) {
	if cfg.CorpID == "" {
		return nil, fmt.Errorf("wecom: app %q: corp id is empty", cfg.Name)
	}
	crypto, err := NewCrypto(cfg.Token, cfg.EncodingAESKey, cfg.CorpID)
	if err != nil {
		return nil, fmt.Errorf("wecom: app %q: %w", cfg.Name, err)
	}
	return &App{
		callback: newCallback(crypto, cfg.Now),
		channel:  string(AppChannel) + "/" + cfg.Name,
		corpID:   cfg.CorpID,
		agentID:  cfg.AgentID,
	}, nil
}

// Receive reads one POST. False means an event that needs no work. Either way
// the answer is an empty 200: a card cannot answer a text passively (page 90241).
func (a *App) Receive(q url.Values, body []byte) (bot.Message, bool, error) {
	var envelope struct {
		XMLName xml.Name `xml:"xml"`
		Encrypt string   `xml:"Encrypt"`
	}
	if err := decodeXML(body, &envelope); err != nil {
		return bot.Message{}, false, fmt.Errorf("%w: envelope: %w", ErrMalformed, err)
	}
	plain, signedAt, err := a.open(q, strings.TrimSpace(envelope.Encrypt))
	if err != nil {
		return bot.Message{}, false, err
	}
	in := appMessage{readXML(plain)}
	if err := a.meant(in); err != nil {
		return bot.Message{}, false, err
	}
	msg, work, err := a.message(in, signedAt)
	if work && msg.ID == "" {
		msg.ID = madeID(q.Get("timestamp"), plain)
	}
	return msg, work, err
}

// meant checks that a callback is for this app of this corp, as far as it says so
// for certain.
func (a *App) meant(in appMessage) error {
	if !in.whole {
		return nil
	}
	if to := in.value("ToUserName"); to != "" && to != a.corpID {
		return fmt.Errorf("%w: ToUserName", ErrReceiveID)
	}
	if agent, err := strconv.ParseInt(in.value("AgentID"), 10, 64); err == nil && agent != a.agentID {
		return fmt.Errorf("%w: AgentID", ErrReceiveID)
	}
	return nil
}

// appMessage is the decrypted message or event.
type appMessage struct{ *document }

// message turns a callback into a message. signedAt stands in for a time that the
// callback does not tell.
func (a *App) message(in appMessage, signedAt time.Time) (bot.Message, bool, error) {
	userID, certain := in.sender()
	switch {
	case !certain:
		return bot.Message{}, false, fmt.Errorf("%w: the sender is not certain", ErrNobody)
	case userID == "" && in.isEvent() && !in.usage(): // of the corp or of its customers
		return bot.Message{}, false, nil
	case userID == "" && !in.usage():
		return bot.Message{}, false, fmt.Errorf("%w: there is no sender", ErrNobody)
	}
	msg := bot.Message{Channel: a.channel, At: timeNear(in.value("CreateTime"), signedAt)}
	sender(&msg, userID)
	if in.isEvent() {
		if !in.event(&msg) {
			return bot.Message{}, false, nil
		}
		if in.whole && in.has("CreateTime") {
			msg.ID = in.eventID()
		}
		return msg, true, nil
	}
	in.said(&msg)
	return msg, true, nil
}

// said fills in what was said. Without its id, or where it is not whole, it is not
// acted upon: it might be a repeat, and more, or less, may be meant.
func (in appMessage) said(msg *bot.Message) {
	kind, id := in.value("MsgType"), in.value("MsgId")
	_, err := strconv.ParseUint(id, 10, 64)
	if !in.whole || err != nil {
		notRead(msg, cutShort)
		return
	}
	msg.ID = id
	switch media := trim(in.value("MediaId")); {
	case kind == "text" && in.has("Content"):
		msg.Kind, msg.Text = bot.Text, stripMentions(clean(in.value("Content")), "")
	case kind == "image" && media != "":
		msg.Kind, msg.Pictures = bot.Photo, []bot.Picture{{MediaID: media}}
	default: // of a voice, an app gets the sound alone
		notRead(msg, kind)
	}
}

func (in appMessage) isEvent() bool { return strings.EqualFold(in.value("MsgType"), "event") }

// event fills in what an event means; false: nothing to do.
func (in appMessage) event(msg *bot.Message) bool {
	switch strings.ToLower(in.value("Event")) {
	case "enter_agent", "subscribe":
		msg.Kind = bot.Enter
	case "template_card_event", "template_card_menu_event":
		msg.Kind = bot.Click
		msg.Button = &bot.Button{TaskID: in.value("TaskId"), CardType: in.value("CardType")}
		msg.Way = wayOfApp(in.value("ResponseCode"))
		if in.whole {
			msg.Button.Key = in.value("EventKey")
		}
	case "click": // an entry of the app's menu: as if its key had been typed
		if msg.Text = trim(clean(in.value("EventKey"))); msg.Text != "" {
			msg.Kind = bot.Text
		}
	case "scancode_push", "scancode_waitmsg": // the menu's scanner
		if code := in.scanned(); code != "" {
			msg.Kind, msg.Scanned = bot.Scan, []string{code}
		}
	default:
		if !in.usage() {
			break
		}
		msg.Kind, msg.Text = bot.Usage, strings.ToLower(in.value("Event"))
		if at, err := parseSeconds(in.value("EffectTime")); err == nil && !at.Equal(time.Unix(0, 0)) {
			msg.At = at
		}
	}
	if !in.whole && (msg.Kind == bot.Text || msg.Kind == bot.Scan) {
		notRead(msg, cutShort)
	}
	return msg.Kind != ""
}

// usage reports whether the event is one about how much the app is used. They come
// from the system, not from a person (page 90240).
func (in appMessage) usage() bool {
	switch strings.ToLower(in.value("Event")) {
	case "inactive_alert", "close_inactive_agent", "reopen_inactive_agent",
		"low_active_alert", "low_active", "active_restored":
		return in.whole && in.isEvent()
	}
	return false
}

// scanned is the code that was scanned. Barcodes come as "CODE_128,7992697494".
func (in appMessage) scanned() string {
	scan := in.child("ScanCodeInfo")
	result := clean(scan.value("ScanResult"))
	if scan.value("ScanType") == "barcode" {
		if _, code, found := strings.Cut(result, ","); found {
			result = code
		}
	}
	return trim(result)
}

// eventID makes the id that events lack. WeCom says to tell events apart by
// sender and time (page 90240), but two can share a second; a repeat has all of
// this in common. ResponseCode is left out: it is a secret, and a double click
// within a second is better taken for one.
func (in appMessage) eventID() string {
	h := sha256.New()
	field := func(s string) {
		// The length keeps ("ab","c") and ("a","bc") apart.
		_, _ = io.WriteString(h, strconv.Itoa(len(s))+":"+s)
	}
	field(strings.ToLower(in.value("FromUserName")))
	for _, name := range []string{"CreateTime", "AgentID", "Event", "EventKey", "TaskId", "Content"} {
		field(in.value(name))
	}
	scan := in.child("ScanCodeInfo")
	field(scan.value("ScanType"))
	field(scan.value("ScanResult"))
	for _, item := range in.child("SelectedItems").kids {
		field(item.value("QuestionKey"))
		for _, id := range item.child("OptionIds").kids {
			field(string(id.text))
		}
	}
	return "e" + hex.EncodeToString(h.Sum(nil)[:16])
}

// decodeXML decodes one document and refuses what WeCom never sends: a DOCTYPE
// and with it entities of its own, another encoding, anything after the end.
func decodeXML(data []byte, v any) error {
	if declares(data) {
		return errors.New("DOCTYPE and entities are refused")
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(v); err != nil {
		return err
	}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if text, ok := token.(xml.CharData); !ok || len(bytes.TrimSpace(text)) != 0 {
			return errors.New("text after the document")
		}
	}
}

// declares reports whether there is a declaration (<!DOCTYPE, <!ENTITY): a "<!"
// that begins neither CDATA, in which people may write what they like, nor a
// comment.
func declares(data []byte) bool {
	for {
		_, rest, found := bytes.Cut(data, []byte("<!"))
		if !found {
			return false
		}
		end := ""
		switch {
		case bytes.HasPrefix(rest, []byte("[CDATA[")):
			end = "]]>"
		case bytes.HasPrefix(rest, []byte("--")):
			end = "-->"
		default:
			return true
		}
		_, data, _ = bytes.Cut(rest, []byte(end))
	}
}
