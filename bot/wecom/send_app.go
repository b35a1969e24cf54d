package wecom

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/silenceper/wechat/v2/util"
	"github.com/silenceper/wechat/v2/work/message"

	"yanquan/bot"
)

const (
	apiSend   = "message/send"                 // page 90236
	apiUpdate = "message/update_template_card" // page 94888
	apiProbe  = "getcallbackip"                // page 90238: needs a token and changes nothing
)

// codeUpdated: the response code is of no use (any more).
const codeUpdated = 60140

// codeNoMember: a field of a card opens the profile of no member (page 90313).
const codeNoMember = 42050

// Spans that the duplicate check looks back, in seconds.
const (
	duplicateInterval = 4 * 3600 // the longest there is
	answerInterval    = 60       // of words that answer: a second question may have the same answer
)

// sendRequest is silenceper's SendRequestCommon with what it lacks: an integer
// agent id, markdown and cards.
type sendRequest struct {
	ToUser            string        `json:"touser"`
	AgentID           int64         `json:"agentid"`
	MsgType           string        `json:"msgtype"`
	Card              *TemplateCard `json:"template_card,omitempty"`
	Markdown          *frameText    `json:"markdown,omitempty"`
	Text              *frameText    `json:"text,omitempty"`
	File              *media        `json:"file,omitempty"`
	Image             *media        `json:"image,omitempty"`
	DuplicateCheck    int           `json:"enable_duplicate_check,omitempty"`
	DuplicateInterval int           `json:"duplicate_check_interval,omitempty"`
}

// updateRequest changes a card that was sent before.
type updateRequest struct {
	UserIDs      []string      `json:"userids"`
	AgentID      int64         `json:"agentid"`
	ResponseCode string        `json:"response_code"`
	Card         *TemplateCard `json:"template_card"`
}

// appCall is one call of the API.
type appCall struct {
	api  string
	body any
	file *bot.File // to be uploaded and sent, in place of body
}

// deliverApp makes one try: the calls of the delivery's form, one after the other.
func (s *Sender) deliverApp(ctx context.Context, app *sendingApp, d bot.Delivery) (bot.Sent, error) {
	if d.User == "" {
		return bot.Sent{}, refusedHere(reasonNoReceiver, "", "delivery has no user")
	}
	calls, refusal := s.appCalls(app, d)
	if refusal != nil {
		return bot.Sent{}, refusal
	}
	p := s.loadProgress(d)
	for p.done < len(calls) {
		call := calls[p.done]
		var answer *message.SendResponse
		var err error
		if call.file != nil {
			answer, err = s.sendFile(ctx, app, d, *call.file, &p)
			if err != nil {
				return bot.Sent{}, failedFile(err, *call.file)
			}
		} else {
			err = app.withToken(ctx, func(token string) (err error) {
				answer, err = post(ctx, call.api, s.target(call.api, token, nil), call.body, token, app.secret, codeOf(d))
				return err
			})
		}
		if call.api == apiUpdate && d.Lost && apiCode(err) == codeUpdated {
			answer, err = &message.SendResponse{}, nil // the try whose answer was lost has updated it
		}
		if err != nil {
			if plain, had := withoutProfiles(d.Reply); had && apiCode(err) == codeNoMember {
				d.Reply = plain // a person the card names has left: the rest of it is as good as before
				return s.deliverApp(ctx, app, d)
			}
			return bot.Sent{}, failed(err, d.Form)
		}
		if answer.InvalidUser != "" || answer.UnlicensedUser != "" {
			// errcode is 0 even so, but there was only one receiver.
			return bot.Sent{}, refusedHere(reasonNoReceiver, "", "%s: invalid or unlicensed user", call.api)
		}
		p.sent.MessageID = cmp.Or(p.sent.MessageID, answer.MsgID)
		p.sent.Code = cmp.Or(p.sent.Code, answer.ResponseCode)
		p.done++
		if len(calls) > 1 || call.file != nil {
			s.saveProgress(d.ID, p, p.done == len(calls))
		}
	}
	return p.sent, nil
}

// appCalls lists the calls of a delivery; the list is the same for every try.
func (s *Sender) appCalls(app *sendingApp, d bot.Delivery) ([]appCall, *bot.DeliveryError) {
	send := func(r sendRequest) appCall {
		r.ToUser, r.AgentID = d.User, app.agentID
		r.DuplicateCheck, r.DuplicateInterval = duplicates(d, r)
		return appCall{api: apiSend, body: r}
	}
	say := func(text string, limit int, as func(*frameText) sendRequest) (calls []appCall) {
		if text == "" { // there is only a file
			return nil
		}
		for _, part := range splitBytes(text, limit-markSize, maxParts) {
			calls = append(calls, send(as(&frameText{part + mark(d)})))
		}
		return calls
	}
	asMarkdown := func(text string) []appCall {
		return say(text, maxMarkdown, func(t *frameText) sendRequest { return sendRequest{MsgType: "markdown", Markdown: t} })
	}
	asText := func(text string) []appCall {
		return say(text, maxText, func(t *frameText) sendRequest { return sendRequest{MsgType: "text", Text: t} })
	}

	var file []appCall // comes last
	switch f := d.Reply.File; {
	case d.Form == bot.AsLink && (f == nil || f.URL == ""):
		return nil, refusedHere(reasonFile, "", "there is no link to fetch the file by")
	case d.Form == bot.AsLink:
		return asText(plainText(linked(bot.Reply{File: f}))), nil
	case s.sendable(d):
		file = []appCall{{api: apiSend, file: f}}
		d.Reply.File = nil
	default:
		d.Reply = linked(d.Reply)
	}

	switch {
	case d.Form == bot.AsText:
		return append(asText(plainText(d.Reply)), file...), nil
	case d.Form == bot.AsMarkdown, d.Reply.Card == nil:
		return append(asMarkdown(markdown(d.Reply)), file...), nil
	}

	changed := *d.Reply.Card
	if d.Form == bot.AsUpdate && d.Card != "" {
		changed.TaskID = d.Card // it stays the card it is
	}
	card, err := checkedCard(AppChannel, changed, s.fallbackURL)
	if err != nil {
		return nil, &bot.DeliveryError{Reason: reasonCard, Downgrade: bot.AsMarkdown, Err: err}
	}
	var calls []appCall
	switch {
	case d.Form == bot.AsUpdate && codeOf(d) == "":
		return nil, refusedHere(reasonUpdate, bot.AsCard, "no response code to update with")
	case d.Form == bot.AsUpdate:
		calls = append(calls, appCall{api: apiUpdate, body: updateRequest{
			UserIDs: []string{d.User}, AgentID: app.agentID, ResponseCode: codeOf(d), Card: card,
		}})
	default:
		calls = append(calls, send(sendRequest{MsgType: "template_card", Card: card}))
	}
	if d.Reply.Text != "" {
		calls = append(calls, asMarkdown(d.Reply.Text)...)
	}
	return append(calls, file...), nil
}

// duplicates has WeCom swallow a repeat of a try whose answer was lost. A card without
// a task id could be another one.
func duplicates(d bot.Delivery, r sendRequest) (check, interval int) {
	switch {
	case r.Card != nil && r.Card.TaskID == "":
		return 0, 0
	case r.Card == nil && d.Answers != "":
		return 1, answerInterval
	}
	return 1, duplicateInterval
}

// markSize is the length of a mark: a bit in each byte but the first. With 32 of them, two
// marks of a day are the same once in years; with 16 they were within weeks.
const markSize = 33

// mark ends a text with invisible white space, and that is another one for
// each delivery: its duplicate check must not swallow the same answer to a second
// question. Should WeCom not look at white space, [answerInterval] is what is left.
func mark(d bot.Delivery) string {
	sum := sha256.Sum256([]byte(d.ID))
	text := []byte{'\n'}
	for i := range markSize - 1 {
		text = append(text, " \t"[sum[i]&1])
	}
	return string(text)
}

// codeOf is what allows the update of the card of a delivery.
func codeOf(d bot.Delivery) string { return cmp.Or(d.Code, wireOf(d.Way).ResponseCode) }

// withToken lets do make one call. A token that WeCom refuses is dropped, and
// the call repeated once with a new one, now and then.
func (a *sendingApp) withToken(ctx context.Context, do func(token string) error) error {
	for again := true; ; again = false {
		token, err := a.tokens.get(ctx)
		if err != nil {
			return tokenError{err}
		}
		err = do(token)
		if again && tokenRefused(apiCode(err)) && a.tokens.drop(token) {
			continue
		}
		return err
	}
}

// post sends body as JSON. secrets, and the URL, are kept out of errors.
func post(ctx context.Context, api, target string, body any, secrets ...string) (*message.SendResponse, error) {
	raw, err := util.PostJSONContext(ctx, target, body)
	if err != nil {
		return nil, callError(api, err, secrets...)
	}
	return readAnswer(api, raw, secrets...)
}

// readAnswer reads the errcode, and of a success what message/send adds.
func readAnswer(api string, raw []byte, secrets ...string) (*message.SendResponse, error) {
	if err := readCode(api, raw, secrets...); err != nil {
		return nil, err
	}
	// The rest differs between the APIs: an update lists invalid users as an
	// array. Success has been said, so that a field of another type is no error.
	answer := new(message.SendResponse)
	if err := json.Unmarshal(raw, answer); err != nil {
		if _, wrongType := errors.AsType[*json.UnmarshalTypeError](err); !wrongType {
			return nil, callError(api, errBadAnswer)
		}
	}
	return answer, nil
}

// readCode reads the errcode that every answer has.
func readCode(api string, raw []byte, secrets ...string) error {
	var code struct {
		ErrCode *int64 `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
	}
	if err := json.Unmarshal(raw, &code); err != nil || code.ErrCode == nil {
		return callError(api, errBadAnswer)
	}
	if *code.ErrCode != 0 {
		return util.NewCommonError(api, *code.ErrCode, redact(code.ErrMsg, secrets...))
	}
	return nil
}

// Check asks WeCom whether an app could send from here: that its secret gives a
// token and that our address is trusted. A wrong agent id only shows when
// something is sent. The error is a [*bot.DeliveryError].
func (s *Sender) Check(ctx context.Context, app string) error {
	a := s.apps[string(AppChannel)+"/"+app]
	if a == nil {
		return refusedHere(reasonUnknownChan, "", "app %q is not configured", app)
	}
	if err := s.ask(ctx, a, apiProbe, nil, nil, &struct{}{}); err != nil {
		return failed(err, bot.AsText)
	}
	return nil
}
