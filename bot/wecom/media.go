package wecom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/util"
	"github.com/silenceper/wechat/v2/work/message"

	"yanquan/bot"
)

const apiUpload = "media/upload" // page 90253

// What media/upload takes, in bytes (page 90253): more than minMedia.
const (
	minMedia = 5
	maxFile  = 20 << 20
	maxImage = 10 << 20
)

// uploadTimeout bounds one upload: 20 MiB at 2 Mbit/s.
const uploadTimeout = 100 * time.Second

// codeNoMedia: a media_id that is wrong, or older than three days (page 90313).
const codeNoMedia = 40007

// Files is where the content of files is.
type Files interface {
	Open(ctx context.Context, id string) (io.ReadCloser, error)
}

// media is a file by its id at WeCom.
type media struct {
	ID string `json:"media_id"`
}

// sendable reports whether a file can go out as itself. An app can send files; a
// robot that is called by URL cannot (page 101138).
func (s *Sender) sendable(d bot.Delivery) bool {
	f := d.Reply.File
	if f == nil || s.files == nil || kindOf(d.Channel) != AppChannel {
		return false
	}
	limit := int64(maxFile)
	if f.Kind == bot.Image {
		limit = maxImage
	}
	return f.Size > minMedia && f.Size <= limit
}

// linked is a reply whose file is a link in its text.
func linked(r bot.Reply) bot.Reply {
	if r.File == nil {
		return r
	}
	line := linkLine(*r.File)
	if r.Text != "" {
		line = r.Text + "\n\n" + line
	}
	r.Text, r.File = line, nil
	return r
}

func linkLine(f bot.File) string {
	name := bot.Escaped(oneLine(f.Name))
	if f.URL == "" {
		return "文件「" + name + "」在这里发不出来，请打开和应用的单聊再要一次。"
	}
	return "[下载 " + name + "](" + f.URL + ")\n链接一天内有效，只有第一个打开的人能下载，请不要转发。"
}

// sendFile uploads a file and sends it. What was uploaded by an earlier try is
// not uploaded again, so that WeCom's duplicate check sees a repeat.
func (s *Sender) sendFile(ctx context.Context, app *sendingApp, d bot.Delivery, f bot.File, p *progress) (*message.SendResponse, error) {
	for again := true; ; again = false {
		if p.media == "" {
			id, err := s.upload(ctx, app, f)
			if err != nil {
				return nil, err
			}
			p.media = id
			s.saveProgress(d.ID, *p, false)
		}
		r := sendRequest{ToUser: d.User, AgentID: app.agentID, MsgType: string(f.Kind), DuplicateCheck: 1, DuplicateInterval: duplicateInterval}
		if f.Kind == bot.Image {
			r.Image = &media{p.media}
		} else {
			r.File = &media{p.media}
		}
		var answer *message.SendResponse
		err := app.withToken(ctx, func(token string) (err error) {
			answer, err = post(ctx, apiSend, s.target(apiSend, token, nil), r, token, app.secret)
			return err
		})
		if apiCode(err) == codeNoMedia {
			p.media = ""
			s.saveProgress(d.ID, *p, false)
			if again {
				continue
			}
		}
		return answer, err
	}
}

// upload gives WeCom the content and returns the media_id, which is good for
// three days.
func (s *Sender) upload(ctx context.Context, app *sendingApp, f bot.File) (id string, err error) {
	err = app.withToken(ctx, func(token string) error {
		content, err := s.files.Open(ctx, f.ID)
		if err != nil {
			return fileError{err}
		}
		defer content.Close()
		id, err = s.post(ctx, token, app.secret, f, content)
		return err
	})
	return id, err
}

// post streams a file as a multipart form. silenceper's UploadTempFile takes a
// path on a disk.
func (s *Sender) post(ctx context.Context, token, secret string, f bot.File, content io.Reader) (string, error) {
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	_, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="media"; filename="%s"; filelength=%d`, quotable(f.Name), f.Size)},
		"Content-Type":        {"application/octet-stream"},
	})
	if err != nil {
		return "", callError(apiUpload, err)
	}
	tail := "\r\n--" + form.Boundary() + "--\r\n"
	read := &watched{Reader: content}
	body := io.MultiReader(&head, read, strings.NewReader(tail))
	length := int64(head.Len()) + f.Size + int64(len(tail))

	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.target(apiUpload, token, url.Values{"type": {string(f.Kind)}}), body)
	if err != nil {
		return "", callError(apiUpload, err, token, secret)
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", form.FormDataContentType())
	client := *util.DefaultHTTPClient
	client.Timeout = 0 // ctx bounds it: the usual limit is for calls without a body to speak of
	resp, err := client.Do(req)
	if err != nil {
		if read.err != nil {
			return "", fileError{read.err}
		}
		return "", callError(apiUpload, err, token, secret)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", callError(apiUpload, err, token, secret)
	}
	if err := readCode(apiUpload, raw, token, secret); err != nil {
		return "", err
	}
	var answer media
	if err := json.Unmarshal(raw, &answer); err != nil || answer.ID == "" {
		return "", callError(apiUpload, errBadAnswer)
	}
	return answer.ID, nil
}

// target is the URL of a call.
func (s *Sender) target(api, token string, query url.Values) string {
	if query == nil {
		query = url.Values{}
	}
	query.Set("access_token", token)
	return s.apiURL + "/cgi-bin/" + api + "?" + query.Encode()
}

// quotable makes a name that can stand between quotes in a header; WeCom shows it
// as it is.
func quotable(name string) string {
	return strings.NewReplacer(`"`, "'", `\`, "_", "\r", "", "\n", "").Replace(name)
}

// watched remembers why its reader failed.
type watched struct {
	io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// fileError: the content cannot be read.
type fileError struct{ err error }

func (e fileError) Error() string { return "wecom: file: " + e.err.Error() }
func (e fileError) Unwrap() error { return e.err }
