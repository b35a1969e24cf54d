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

	MaxAge time.Duration    // 0: DefaultMaxAge
	Now    func() time.Time // nil: time.Now
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
		callback: newCallback(crypto, cfg.MaxAge, cfg.Now),
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
	plain, _, err := a.open(q, strings.TrimSpace(envelope.Encrypt))
	if err != nil {
		return bot.Message{}, false, err
	}
	var in appMessage
	if err := decodeXML(plain, &in); err != nil {
		return bot.Message{}, false, fmt.Errorf("%w: message: %w", ErrMalformed, err)
	}
	return a.message(in)
}

// appMessage is the decrypted message or event; numbers are kept as text so
// that a missing one and a malformed one can be told apart.
type appMessage struct {
	XMLName      xml.Name `xml:"xml"`
	ToUserName   string   `xml:"ToUserName"`
	FromUserName string   `xml:"FromUserName"`
	CreateTime   string   `xml:"CreateTime"`
	MsgType      string   `xml:"MsgType"`
	MsgID        string   `xml:"MsgId"`
	AgentID      string   `xml:"AgentID"`
	Content      string   `xml:"Content"`
	MediaID      string   `xml:"MediaId"`

	Event        string `xml:"Event"`
	EventKey     string `xml:"EventKey"`
	TaskID       string `xml:"TaskId"`
	CardType     string `xml:"CardType"`
	ResponseCode string `xml:"ResponseCode"`
	EffectTime   string `xml:"EffectTime"` // of the warnings among the usage events
	// Nested rather than a path, which encoding/xml would look for at every element.
	Selected struct {
		Items []struct {
			QuestionKey string   `xml:"QuestionKey"`
			OptionIDs   []string `xml:"OptionIds>OptionId"`
		} `xml:"SelectedItem"`
	} `xml:"SelectedItems"`
	Scan struct {
		Type   string `xml:"ScanType"`
		Result string `xml:"ScanResult"`
	} `xml:"ScanCodeInfo"`
}

func (a *App) message(in appMessage) (bot.Message, bool, error) {
	at, err := parseSeconds(in.CreateTime)
	if err != nil {
		return bot.Message{}, false, fmt.Errorf("%w: CreateTime: %w", ErrMalformed, err)
	}
	if in.ToUserName != a.corpID {
		return bot.Message{}, false, fmt.Errorf("%w: ToUserName", ErrReceiveID)
	}
	if in.AgentID != "" {
		agent, err := strconv.ParseInt(in.AgentID, 10, 64)
		if err != nil {
			return bot.Message{}, false, fmt.Errorf("%w: AgentID", ErrMalformed)
		}
		if agent != a.agentID {
			return bot.Message{}, false, fmt.Errorf("%w: AgentID", ErrReceiveID)
		}
	}
	if in.MsgType == "" || in.FromUserName == "" && !in.usage() {
		return bot.Message{}, false, fmt.Errorf("%w: no sender or type", ErrMalformed)
	}

	msg := bot.Message{
		Channel: a.channel,
		User:    strings.ToLower(in.FromUserName),
		SentAs:  unfolded(in.FromUserName),
		At:      at,
	}
	if strings.EqualFold(in.MsgType, "event") {
		if !in.event(&msg) {
			return bot.Message{}, false, nil
		}
		msg.ID = in.eventID()
		return msg, true, nil
	}
	if _, err := strconv.ParseUint(in.MsgID, 10, 64); err != nil {
		return bot.Message{}, false, fmt.Errorf("%w: MsgId", ErrMalformed)
	}
	msg.ID = in.MsgID
	switch media := trim(in.MediaID); {
	case in.MsgType == "text":
		msg.Kind, msg.Text = bot.Text, stripMentions(in.Content, "")
	case in.MsgType == "image" && media != "":
		msg.Kind, msg.Pictures = bot.Photo, []bot.Picture{{MediaID: media}}
	default: // of a voice, an app gets the sound alone
		msg.Kind, msg.Text = bot.Other, in.MsgType
	}
	return msg, true, nil
}

// event fills in what an event means; false: nothing to do.
func (in *appMessage) event(msg *bot.Message) bool {
	switch strings.ToLower(in.Event) {
	case "enter_agent", "subscribe":
		msg.Kind = bot.Enter
	case "template_card_event", "template_card_menu_event":
		msg.Kind = bot.Click
		msg.Button = &bot.Button{TaskID: in.TaskID, Key: in.EventKey, CardType: in.CardType}
		msg.Way = wayOfApp(in.ResponseCode)
	case "click": // an entry of the app's menu: as if its key had been typed
		msg.Kind, msg.Text = bot.Text, trim(in.EventKey)
		return msg.Text != ""
	case "scancode_push", "scancode_waitmsg": // the menu's scanner
		msg.Kind, msg.Scanned = bot.Scan, []string{in.scanned()}
		return msg.Scanned[0] != ""
	default:
		if !in.usage() {
			return false
		}
		msg.Kind, msg.Text = bot.Usage, strings.ToLower(in.Event)
		if at, err := parseSeconds(in.EffectTime); err == nil && !at.Equal(time.Unix(0, 0)) {
			msg.At = at
		}
	}
	return true
}

// usage reports whether the event is one about how much the app is used. They come
// from the system, not from a person (page 90240).
func (in *appMessage) usage() bool {
	switch strings.ToLower(in.Event) {
	case "inactive_alert", "close_inactive_agent", "reopen_inactive_agent",
		"low_active_alert", "low_active", "active_restored":
		return strings.EqualFold(in.MsgType, "event")
	}
	return false
}

// scanned is the code that was scanned. Barcodes come as "CODE_128,7992697494".
func (in *appMessage) scanned() string {
	result := in.Scan.Result
	if in.Scan.Type == "barcode" {
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
func (in *appMessage) eventID() string {
	h := sha256.New()
	field := func(s string) {
		// The length keeps ("ab","c") and ("a","bc") apart.
		_, _ = io.WriteString(h, strconv.Itoa(len(s))+":"+s)
	}
	for _, s := range []string{
		strings.ToLower(in.FromUserName), in.CreateTime, in.AgentID,
		in.Event, in.EventKey, in.TaskID, in.Content, in.Scan.Type, in.Scan.Result,
	} {
		field(s)
	}
	for _, item := range in.Selected.Items {
		field(item.QuestionKey)
		for _, id := range item.OptionIDs {
			field(id)
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
