package wecom

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/silenceper/wechat/v2/util"

	"yanquan/bot"
)

// Reasons in [bot.DeliveryError.Reason].
const (
	reasonBusy          = "busy"            // WeCom asks to try again
	reasonCanceled      = "canceled"        // our side gave up
	reasonCard          = "card_refused"    // the card breaks a rule
	reasonConfig        = "misconfigured"   // agent id, secret or permission: an operator must act
	reasonContent       = "content_refused" // not even text was taken
	reasonEmpty         = "empty"           // nothing to send
	reasonFile          = "file_refused"    // the file was not taken; a link to it may be
	reasonFileGone      = "file_unreadable" // its content cannot be read
	reasonFileSize      = "file_size"       // too large or too small for WeCom
	reasonFileType      = "file_type"       // not what WeCom takes as this kind
	reasonForm          = "form_refused"    // this form was not taken, a plainer one may be
	reasonHTTP          = "http_status"     // neither 200 nor an error code
	reasonLate          = "too_late"        // an event can be answered for seconds only
	reasonAddress       = "ip_not_trusted"  // our address is not in 企业可信IP
	reasonMedia         = "media_expired"   // uploaded, but not known any more
	reasonNetwork       = "network"         // no connection, or a lost one
	reasonNoReceiver    = "no_receiver"     // the person left, or does not see the app
	reasonNoReplyURL    = "no_reply_url"    // a robot can only answer
	reasonAnswer        = "bad_answer"      // not JSON
	reasonNotSubscribed = "not_subscribed"  // WeCom has forgotten the long connection
	reasonOffline       = "not_connected"   // the long connection is not there, or another process's
	reasonPaced         = "paced"           // the conversation has had its number of messages
	reasonRate          = "rate_limited"    // too many calls
	reasonReplyURL      = "reply_url_used"  // expired, or used already
	reasonStream        = "stream_over"     // a line that came too late for its stream
	reasonTable         = "table_refused"   // it went out as a list alone
	reasonTimeout       = "timeout"         // no answer in time; it may have been sent
	reasonToken         = "token"           // no access token, or none that is accepted
	reasonUpdate        = "update_refused"  // response_code expired, or used already
	reasonUnknownChan   = "unknown_channel" // not in the configuration
)

// How long to wait where trying at once is of no use.
const (
	afterRate   = 3 * time.Second // the outbox waits ever longer; the limit's minute is over then
	afterHuman  = time.Minute     // a setting has to be changed; a change takes a minute to apply
	afterToken  = 30 * time.Second
	afterOthers = 30 * time.Second
)

// codeBusy: the same call may be taken the next moment (page 90313).
const codeBusy = -1

// apiCode is the errcode of an error, or 0.
func apiCode(err error) int64 {
	if refused, ok := errors.AsType[*util.CommonError](err); ok {
		return refused.ErrCode
	}
	return 0
}

// tokenRefused reports whether a code means that the access token is no good.
func tokenRefused(code int64) bool {
	return code == 40014 || code == 42001 || code == 40001
}

// cardRefused reports whether a code means that the card breaks a rule.
func cardRefused(code int64) bool {
	return code == 41016 || 42014 <= code && code <= 42099
}

// formRefused reports whether a code means that a message of this kind, or this
// long, is not taken.
func formRefused(code int64) bool {
	return code == 40008 || code == 40058 || code == 44004 || 45002 <= code && code <= 45004
}

// nextForm is the next rung of the ladder for an app.
var nextForm = map[bot.Form]bot.Form{bot.AsUpdate: bot.AsCard, bot.AsCard: bot.AsMarkdown, bot.AsMarkdown: bot.AsText}

// failed turns an error of a call into the verdict on a try that stood on form
// (codes: page 90313).
func failed(err error, form bot.Form) *bot.DeliveryError {
	code := apiCode(err)
	retry := func(reason string, after time.Duration) *bot.DeliveryError {
		return &bot.DeliveryError{Reason: reason, Retry: true, After: after, Err: err}
	}
	downgrade := func(reason string) *bot.DeliveryError {
		next := nextForm[form]
		if next == "" {
			reason = reasonContent
		}
		return &bot.DeliveryError{Reason: reason, Downgrade: next, Err: err}
	}

	switch {
	case code == 0:
		return failedCall(err)
	case code == codeBusy:
		return retry(reasonBusy, 0)
	case tokenRefused(code), code == 41001:
		return retry(reasonToken, afterToken)
	case code == 45009, code == 45033:
		return retry(reasonRate, afterRate)
	case code == 60020:
		return retry(reasonAddress, afterHuman) // err names the address to allow
	case code == 40013, code == 40056, code == 301002, code == 48002,
		code == 93000, code == 93004, code == 93008: // a webhook that was taken away or switched off
		return retry(reasonConfig, afterHuman)
	case code == 40003, code == 46004, code == 50002, code == 60011, code == 60111, code == 81013, code == 82001:
		return &bot.DeliveryError{Reason: reasonNoReceiver, Err: err}
	case code == 60140:
		return downgrade(reasonUpdate)
	case cardRefused(code):
		return downgrade(reasonCard)
	case formRefused(code):
		return downgrade(reasonForm)
	}
	// An unknown refusal: a plainer form may be taken, and plain text may be
	// taken later.
	if nextForm[form] != "" {
		return downgrade(reasonForm)
	}
	out := retry(reasonContent, afterOthers)
	out.Alone = true
	return out
}

// unlisted reports whether an error is a code that no manual explains: then not even plain
// text tells why it was refused.
func unlisted(err error) bool { return apiCode(err) != 0 && failed(err, bot.AsText).Alone }

// failedFile is the verdict on a try that has sent all but the file: on a refusal
// of the file itself, the next try sends the link to it, and nothing else again.
func failedFile(err error, f bot.File) *bot.DeliveryError {
	if _, unreadable := errors.AsType[fileError](err); unreadable {
		return &bot.DeliveryError{Reason: reasonFileGone, Retry: true, After: afterOthers, Alone: true, Err: err}
	}
	reason := ""
	switch apiCode(err) {
	case codeNoMedia:
		return &bot.DeliveryError{Reason: reasonMedia, Retry: true, After: afterOthers, Alone: true, Err: err}
	case 40006, 40009, 45001:
		reason = reasonFileSize
	case 40004, 40005:
		reason = reasonFileType
	default:
		out := failed(err, bot.AsText)
		if out.Reason != reasonContent {
			return out
		}
		reason = reasonFile
	}
	out := &bot.DeliveryError{Reason: reason, Err: err}
	if f.URL != "" {
		out.Downgrade = bot.AsLink
	}
	return out
}

// failedCall is the verdict on a call that brought no answer with a code. All
// of these may be tried again, even where the message may have gone out: see
// [Sender] on duplicates.
func failedCall(err error) *bot.DeliveryError {
	out := &bot.DeliveryError{Reason: reasonNetwork, Retry: true, Lost: !neverSent(err), Err: err}
	status, isStatus := errors.AsType[statusError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		out.Reason = reasonCanceled
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		out.Reason = reasonTimeout
	case errors.Is(err, errBadAnswer):
		out.Reason, out.Alone = reasonAnswer, out.Lost // a proxy's page, which may be for what was sent
	case isStatus && status == http.StatusTooManyRequests:
		out.Reason, out.After = reasonRate, afterRate
	case isStatus:
		out.Reason = reasonHTTP
		if status < 500 {
			out.After = afterOthers
		}
		out.Alone = out.Lost && aloneStatus(int(status)) // not for the access token
	}
	return out
}

// aloneStatus reports whether a status may be for what was sent. Others are for who sends
// it, for when, or for all.
func aloneStatus(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusMisdirectedRequest,
		http.StatusTooEarly, http.StatusUpgradeRequired, http.StatusTooManyRequests:
		return false
	}
	return 400 <= status && status < 500
}

// neverSent reports whether a call failed before anything was sent.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, new(tokenError)) || errors.As(err, &op) && op.Op == "dial"
}

// tokenError: there was no access token to send by.
type tokenError struct{ err error }

func (e tokenError) Error() string { return e.err.Error() }
func (e tokenError) Unwrap() error { return e.err }

// refusedHere is a verdict of our own, before anything was sent.
func refusedHere(reason string, next bot.Form, format string, args ...any) *bot.DeliveryError {
	return &bot.DeliveryError{Reason: reason, Downgrade: next, Err: fmt.Errorf("wecom: "+format, args...)}
}
