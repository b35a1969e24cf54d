package demo

import (
	"net/http"
	"net/url"
	"strings"

	"yanquan/bot/wecom/wecomtest"
)

// message is a bubble on one person's phone.
type message struct {
	ID       string          `json:"id"`
	Chat     string          `json:"chat"`
	From     string          `json:"from"` // userid; empty: the bot
	At       int64           `json:"at"`   // ms since 1970
	Text     string          `json:"text,omitempty"`
	Markdown bool            `json:"markdown,omitempty"`
	Running  bool            `json:"running,omitempty"` // more of it is to come
	Card     *wecomtest.Card `json:"card,omitempty"`
	Media    *media          `json:"media,omitempty"`
	Quote    string          `json:"quote,omitempty"`  // what it answers
	Failed   string          `json:"failed,omitempty"` // why it did not arrive, or did not end
}

// media is a picture or a file in a bubble.
type media struct {
	Name  string `json:"name"`
	Image bool   `json:"image"`
	URL   string `json:"url"`
}

// mediaOf is what a bubble shows instead of its text, which is a media_id; nil where
// it is words.
func (w *world) mediaOf(s wecomtest.Shown) *media {
	if s.Kind != wecomtest.KindImage && s.Kind != wecomtest.KindFile {
		return nil
	}
	m, _ := w.wecom.Medium(s.Text)
	return &media{Name: m.Name, Image: s.Kind == wecomtest.KindImage, URL: "api/media/" + s.Text}
}

// medium serves a picture or a file. Its id cannot be guessed.
func (w *world) medium(rw http.ResponseWriter, r *http.Request) {
	m, ok := w.wecom.Medium(r.PathValue("id"))
	if !ok {
		refuse(rw, http.StatusNotFound, "没有这个文件。")
		return
	}
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.Header().Set("Content-Type", "application/octet-stream")
	if m.Kind == "image" {
		rw.Header().Set("Content-Type", http.DetectContentType(m.Data))
	} else {
		rw.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(m.Name))
	}
	_, _ = rw.Write(m.Data) // a browser that left does not need it
}

// messages are everything on a person's phone, conversation by conversation.
func (w *world) messages(personID string) []message {
	list := []message{}
	for _, c := range chatsOf(personID) {
		shown := w.wecom.Screen(where(c, personID))
		said := make(map[string]string, len(shown))
		for _, s := range shown {
			said[s.ID] = inShort(s)
			if s.Kind == wecomtest.KindEvent {
				continue // opening a conversation is nothing to see
			}
			m := message{
				ID: s.ID, Chat: c.ID, At: s.At.UnixMilli(), Text: s.Text, Card: s.Card,
				Markdown: s.FromBot && s.Kind != wecomtest.KindText,
				Running:  !s.Finished, Quote: said[s.ReplyTo], Failed: w.failure(s.ID),
			}
			if m.Media = w.mediaOf(s); m.Media != nil {
				m.Text = ""
			}
			if !s.FromBot {
				m.From = strings.ToLower(s.From)
			}
			if s.Expired {
				m.Failed = "机器人没有把话说完"
			}
			list = append(list, m)
		}
	}
	return list
}

// inShort is a bubble as it is quoted: one line.
func inShort(s wecomtest.Shown) string {
	if s.Card != nil {
		return "[卡片] " + s.Card.Title
	}
	switch s.Kind {
	case wecomtest.KindImage:
		return "[图片]"
	case wecomtest.KindFile:
		return "[文件]"
	}
	const most = 40
	line := []rune(strings.Join(strings.Fields(s.Text), " "))
	if len(line) > most {
		return string(line[:most]) + "…"
	}
	return string(line)
}

func (w *world) failure(messageID string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed[messageID]
}

func (w *world) setFailure(messageID, why string) {
	w.mu.Lock()
	w.failed[messageID] = why
	w.mu.Unlock()
	w.bump()
}
