package wecomtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// picturePath is where pictures that people sent are fetched; the real service
// has them on another host.
const picturePath = "/wecomtest/picture/"

// Spoil spoils a picture. The zero value spoils nothing.
type Spoil struct {
	Grow          int  `json:"grow,omitempty"`           // bytes it has at least: zeros follow
	Truncate      int  `json:"truncate,omitempty"`       // bytes cut off the end of what is downloaded
	WrongKey      bool `json:"wrong_key,omitempty"`      // robots: encrypted with another key than the one they have
	BrokenPadding bool `json:"broken_padding,omitempty"` // robots: the last pad byte says 33
	Expired       bool `json:"expired,omitempty"`        // the address or the media_id is too old from the start
	Stall         bool `json:"stall,omitempty"`          // the second half never comes
}

// Part is a piece of a mixed message: words or a picture.
type Part struct {
	Text    string `json:"text,omitempty"`
	Picture []byte `json:"picture,omitempty"`
	Spoil   Spoil  `json:"spoil,omitzero"`

	media string // media_id of the picture
}

// Words is a Part.
func Words(text string) Part { return Part{Text: text} }

// Picture is a Part.
func Picture(data []byte) Part { return Part{Picture: data} }

// SendPicture sends a picture. Robots get pictures in 1:1 only (page 100719). It
// may be spoilt, once.
func (w *WeCom) SendPicture(ctx context.Context, where Where, user string, picture []byte, spoil ...Spoil) (Outcome, error) {
	var s Spoil
	if len(spoil) > 0 {
		s = spoil[0]
	}
	w.mu.Lock()
	id := w.keepPicture(picture, s)
	w.mu.Unlock()
	return w.utter(ctx, where, user, utterance{kind: KindImage, text: id, media: id, spoil: s})
}

// SendFile sends a file. Robots get files in 1:1 only (page 100719), apps never do.
func (w *WeCom) SendFile(ctx context.Context, where Where, user, name string, data []byte) (Outcome, error) {
	if where.App != "" {
		return Outcome{}, fmt.Errorf("%w: an app cannot be sent files", ErrNotThere)
	}
	w.mu.Lock()
	id := w.keep("file", name, data)
	w.mu.Unlock()
	return w.utter(ctx, where, user, utterance{kind: KindFile, text: id, media: id})
}

// SayMixed sends words and pictures in one message, to a robot or in a group,
// where it reaches the robots its words mention (page 100719).
func (w *WeCom) SayMixed(ctx context.Context, where Where, user string, parts ...Part) (Outcome, error) {
	if len(parts) == 0 || where.App != "" {
		return Outcome{}, fmt.Errorf("%w: a mixed message has parts, and goes to a robot or a group", ErrNotThere)
	}
	u := utterance{kind: KindMixed, parts: slices.Clone(parts)}
	w.mu.Lock()
	for i, p := range u.parts {
		if p.Picture != nil {
			u.parts[i].media = w.keepPicture(p.Picture, p.Spoil)
		}
	}
	w.mu.Unlock()
	return w.utter(ctx, where, user, u)
}

// keepPicture stores a picture of a person. Callers hold mu.
func (w *WeCom) keepPicture(data []byte, s Spoil) string {
	if n := s.Grow - len(data); n > 0 {
		data = append(slices.Clone(data), make([]byte, n)...)
	}
	id := w.keep("image", "picture.jpg", data)
	w.media[id].spoil = s
	if s.Expired {
		w.media[id].at = w.opt.Now().Add(-mediaLife)
	}
	return id
}

// mention puts a mention before the words.
func (u *utterance) mention(text, separator string) {
	switch {
	case u.kind == KindText:
		u.text = text + separator + u.text
	case u.kind == KindMixed && u.parts[0].media == "":
		u.parts[0].Text = text + separator + u.parts[0].Text
	case u.kind == KindMixed:
		u.parts = slices.Insert(u.parts, 0, Words(text))
	}
}

// words are those of all parts, or the text.
func (u *utterance) words() string {
	if u.kind != KindMixed {
		return u.text
	}
	var lines []string
	for _, p := range u.parts {
		if p.media == "" {
			lines = append(lines, p.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// pictures are those of a mixed message.
func (p *post) pictures() []string {
	var ids []string
	for _, part := range p.parts {
		if part.media != "" {
			ids = append(ids, part.media)
		}
	}
	return ids
}

// mixedObject is {"msg_item":[…]}. Callers hold mu.
func (w forms) mixedObject(b *bot, parts []Part) (object, error) {
	items := []any{}
	for _, p := range parts {
		if p.media == "" {
			items = append(items, object{"msgtype": "text", "text": object{"content": p.Text}})
			continue
		}
		o, err := w.mediaObject(b, p.media, p.Spoil)
		if err != nil {
			return nil, err
		}
		items = append(items, object{"msgtype": "image", "image": o})
	}
	return object{"msg_item": items}, nil
}

// link is an address at which a picture is downloaded.
type link struct {
	data    []byte    // as it goes over the wire
	expires time.Time // zero: never
	stall   bool
}

// mediaObject is {"url"} of a picture or a file encrypted with the robot's key, or
// {"url","aeskey"} with a key of its own over a long connection. It is valid for
// five minutes. Callers hold mu.
func (w forms) mediaObject(b *bot, media string, s Spoil) (object, error) {
	o := object{}
	key := b.key
	if b.long() {
		key = w.random(32)
		encoding := base64.StdEncoding
		if w.opt.BareMediaKeys {
			encoding = base64.RawStdEncoding
		}
		o["aeskey"] = encoding.EncodeToString(key)
	}
	if s.WrongKey {
		key = w.random(32)
	}
	padded := pad(slices.Clone(w.media[media].data))
	if s.BrokenPadding {
		padded[len(padded)-1] = padBlock + 1
	}
	sealed, err := cbcEncrypt(key, padded)
	if err != nil {
		return nil, fmt.Errorf("%s: picture: %w", b, err)
	}
	l := &link{data: s.cut(sealed), expires: w.opt.Now().Add(pictureLife), stall: s.Stall}
	if s.Expired {
		l.expires = w.opt.Now()
	}
	o["url"] = w.addLink(l)
	return o, nil
}

// addLink hands out an address. Callers hold mu.
func (w *WeCom) addLink(l *link) string {
	id := w.newID(64)
	w.links[id] = l
	return w.apiURL + picturePath + id
}

func (s Spoil) cut(data []byte) []byte { return data[:max(0, len(data)-s.Truncate)] }

// ExpirePictures makes all addresses of pictures for robots too old: 404 from now on.
func (w *WeCom) ExpirePictures() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.links {
		if !l.expires.IsZero() {
			l.expires = w.opt.Now()
		}
	}
}

// servePicture serves what PicUrl and image.url lead to: bare for an app, encrypted for
// a robot and for five minutes only.
func (w httpAPI) servePicture(rw http.ResponseWriter, r *http.Request) {
	w.serve(rw, r, "picture", func() (func(), *apiError) {
		w.mu.Lock()
		l := w.links[strings.TrimPrefix(r.URL.Path, picturePath)]
		if l != nil && !l.expires.IsZero() && !w.opt.Now().Before(l.expires) {
			l = nil
		}
		w.mu.Unlock()
		if l == nil {
			return func() { http.NotFound(rw, r) }, nil
		}
		return func() {
			if l.stall {
				w.stall(rw, r, l.data)
				return
			}
			http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(l.data))
		}, nil
	})
}

// stall sends the first half and waits for the other side to give up.
func (w httpAPI) stall(rw http.ResponseWriter, r *http.Request, data []byte) {
	rw.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = rw.Write(data[:len(data)/2])
	_ = http.NewResponseController(rw).Flush()
	select {
	case <-r.Context().Done():
	case <-w.ctx.Done():
	}
}
