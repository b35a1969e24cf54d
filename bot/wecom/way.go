package wecom

import (
	"encoding/json"

	"yanquan/bot"
)

// wire is what WeCom has given for an answer; [bot.Way] carries it.
type wire struct {
	// ReplyURL answers once within an hour (smart robot called by URL).
	ReplyURL string `json:"reply_url,omitempty"`
	// ReqID answers over the long connection.
	ReqID string `json:"req_id,omitempty"`
	// ResponseCode allows one update of the card that was pressed, within 72 h
	// (self-built app).
	ResponseCode string `json:"response_code,omitempty"`
}

// wireOf reads what way made. What cannot be read leads nowhere.
func wireOf(w bot.Way) (out wire) {
	if w.Wire != "" {
		_ = json.Unmarshal([]byte(w.Wire), &out)
	}
	return out
}

// wire is the JSON that a way carries.
func (w wire) wire() bot.Wire {
	if w == (wire{}) {
		return ""
	}
	text, _ := json.Marshal(w) // cannot fail
	return bot.Wire(text)
}

// wayOfApp is that of a press on an app's card; anything else is answered by
// sending.
func wayOfApp(responseCode string) bot.Way {
	return bot.Way{Wire: wire{ResponseCode: responseCode}.wire()}
}

// RobotWay is that of a robot's callback, with the reply URL that it brings.
func RobotWay(replyURL string) bot.Way {
	return bot.Way{Passive: true, Robot: true, Once: replyURL != "", Wire: wire{ReplyURL: replyURL}.wire()}
}

// wayOfSocket is that of a frame of the long connection: a message can be shown a
// stream, an event cannot.
func wayOfSocket(reqID string, kind bot.Kind) bot.Way {
	return bot.Way{Robot: true, Streams: kind != bot.Click && kind != bot.Enter, Wire: wire{ReqID: reqID}.wire()}
}
