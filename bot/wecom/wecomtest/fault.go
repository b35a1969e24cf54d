package wecomtest

import (
	"net/http"
	"slices"
	"time"
)

// Fault makes the API misbehave. Exactly one of Code, Status, Body, Drop and Hang
// says how; none of them with a Delay is a slow answer that is right.
//
// It is the same for frames of a long connection: Code is acked, Body is sent in
// the place of the ack, Drop and Status break the connection, Hang never acks. A
// Delay without After holds up everything behind the frame; with After the frame
// takes effect and its ack alone is late.
type Fault struct {
	// API is "gettoken", "message/send", "aibot/response", …, "picture" (what PicUrl
	// and image.url lead to), "ws" or a command of the long connection, EverySend or
	// EveryFrame; empty: every one.
	API   string `json:"api,omitempty"`
	Times int    `json:"times,omitempty"` // how many calls; 0: until ClearFaults
	// After lets the call take effect first: the work is done, the answer is lost.
	After bool `json:"after,omitempty"`

	Delay  time.Duration `json:"delay,omitempty"`   // nanoseconds in JSON
	Code   int           `json:"errcode,omitempty"` // answers this errcode with status 200
	Status int           `json:"status,omitempty"`  // answers this HTTP status
	Body   string        `json:"body,omitempty"`    // answers 200 with this instead of JSON
	Drop   bool          `json:"drop,omitempty"`    // closes the connection
	Hang   bool          `json:"hang,omitempty"`    // never answers
	Swap   bool          `json:"swap,omitempty"`    // of a frame: its ack comes behind the next one
}

// Fail adds a fault. Faults of one API are used in the order they came.
func (w *WeCom) Fail(f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, &f)
}

// FailNext lets the next calls of an API answer an errcode.
func (w *WeCom) FailNext(api string, errcode, times int) {
	w.Fail(Fault{API: api, Code: errcode, Times: times})
}

// ClearFaults ends all faults.
func (w *WeCom) ClearFaults() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = nil
}

// Calls tells how often an API was called, faults included.
func (w *WeCom) Calls(api string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[api]
}

// takeFault counts a call and uses up a fault. Callers hold mu.
func (w *WeCom) takeFault(api string) Fault {
	w.calls[api]++
	w.bump()
	i := slices.IndexFunc(w.faults, func(f *Fault) bool { return f.meets(api) })
	if i < 0 {
		return Fault{}
	}
	f := w.faults[i]
	out := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			w.faults = slices.Delete(w.faults, i, i+1)
		}
	}
	return out
}

// meets reports whether a fault is for an API.
func (f *Fault) meets(api string) bool {
	switch f.API {
	case "", api:
		return true
	case EverySend:
		return isSend(api)
	case EveryFrame:
		return isFrame(api)
	}
	return false
}

// instead reports whether the fault answers in place of the API.
func (f Fault) instead() bool {
	return f.Code != 0 || f.Status != 0 || f.Body != "" || f.Drop || f.Hang
}

// play answers as the fault says.
func (w httpAPI) play(rw http.ResponseWriter, r *http.Request, f Fault) {
	switch {
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-w.ctx.Done():
		}
		dropConnection(rw)
	case f.Drop:
		dropConnection(rw)
	case f.Status != 0:
		http.Error(rw, http.StatusText(f.Status), f.Status)
	case f.Body != "":
		_, _ = rw.Write([]byte(f.Body))
	default:
		w.fail(rw, r, refusef(f.Code, "%s", codeText(f.Code)))
	}
}

// dropConnection closes without an answer. Where the server cannot do that (a
// recorder in a test), it says 502.
func dropConnection(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close()
}

// codeText is a short text for codes that tests ask for.
func codeText(code int) string {
	switch code {
	case -1:
		return "system busy"
	case 40001:
		return "invalid credential"
	case 40014:
		return "invalid access_token"
	case 42001:
		return "access_token expired"
	case 45009:
		return "api freq out of limit"
	case 45033:
		return "api concurrent out of limit"
	case 60020:
		return "not allow to access from your ip"
	case 60140:
		return "invalid response_code"
	case 846609:
		return "aibot websocket not subscribed"
	case 846608:
		return "stream expired"
	case 846605:
		return "invalid req_id"
	case 93006:
		return "invalid chatid"
	case 81013:
		return "user & party & tag all invalid"
	}
	return "failed on request of the test"
}
