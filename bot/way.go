package bot

import "encoding/json"

// Way is how an answer gets back to who gave a message. The channel's package makes
// it and reads the wire; everybody else hands it on, and asks what it allows. The
// zero Way is that of a channel that sends whenever it likes.
type Way struct {
	// Passive: the response to the message's own callback answers it.
	Passive bool `json:"passive,omitempty"`
	// Once: one answer can be sent otherwise, and no second.
	Once bool `json:"once,omitempty"`
	// Streams: its answer can be shown as it comes.
	Streams bool `json:"streams,omitempty"`
	// Robot: it came by a robot, which writes only to conversations that have written
	// to it, and hears of the opening of one once a day.
	Robot bool `json:"robot,omitempty"`

	Wire Wire `json:"wire,omitempty"`
}

// Late reports whether it can be answered after its callback.
func (w Way) Late() bool { return !w.Passive || w.Once }

// Wire is what the channel has given for an answer, as JSON. It is a secret.
type Wire string

// MarshalJSON writes it as it is.
func (w Wire) MarshalJSON() ([]byte, error) {
	if w == "" {
		return []byte("null"), nil
	}
	return []byte(w), nil
}

// UnmarshalJSON keeps it as it is.
func (w *Wire) UnmarshalJSON(data []byte) error {
	if *w = Wire(data); string(data) == "null" {
		*w = ""
	}
	return nil
}

// Messages and deliveries that an earlier version has stored keep what makes their
// way among their other fields.
type (
	oldMessage struct {
		ReplyURL string `json:"reply_url"`
		ReqID    string `json:"req_id"`
		Kind     Kind   `json:"kind"`
		Button   struct {
			ResponseCode string `json:"response_code"`
		} `json:"button"`
	}
	oldDelivery struct {
		ReplyURL, ReqID, ResponseCode, Pressed, Stream string
	}
)

// UnmarshalJSON reads a message as this or an earlier version has stored it.
func (m *Message) UnmarshalJSON(data []byte) error {
	type plain Message
	if err := json.Unmarshal(data, (*plain)(m)); err != nil || m.Way != (Way{}) {
		return err
	}
	var old oldMessage
	if err := json.Unmarshal(data, &old); err != nil {
		return err
	}
	m.Way = oldWay(old.ReplyURL, old.ReqID, old.Button.ResponseCode)
	m.Way.Streams = old.ReqID != "" && old.Kind != Click && old.Kind != Enter
	return nil
}

// UnmarshalJSON reads a delivery as this or an earlier version has stored it.
func (d *Delivery) UnmarshalJSON(data []byte) error {
	type plain Delivery
	if err := json.Unmarshal(data, (*plain)(d)); err != nil || d.Way != (Way{}) {
		return err
	}
	var old oldDelivery
	if err := json.Unmarshal(data, &old); err != nil {
		return err
	}
	if old.Pressed != "" {
		d.Card = old.Pressed
	}
	if d.Change {
		d.Code, old.ResponseCode = d.Code+old.ResponseCode, ""
	}
	d.Way = oldWay(old.ReplyURL, old.ReqID, old.ResponseCode)
	d.Way.Streams = old.Stream != ""
	return nil
}

func oldWay(replyURL, reqID, responseCode string) (w Way) {
	wire := map[string]string{}
	for name, value := range map[string]string{"reply_url": replyURL, "req_id": reqID, "response_code": responseCode} {
		if value != "" {
			wire[name] = value
		}
	}
	if len(wire) == 0 {
		return Way{}
	}
	text, _ := json.Marshal(wire) // cannot fail
	return Way{Passive: replyURL != "", Once: replyURL != "", Robot: replyURL != "" || reqID != "", Wire: Wire(text)}
}
