package httpcall

import "fmt"

// Report is what the text of a client's error says.
type Report struct {
	Platform, Call, Class, Reason string
	Code, Message, TraceID        string // the platform's
	HTTPStatus                    int
	Err                           error
}

// String leaves out what is not known.
func (r Report) String() string {
	s := r.Platform + " " + r.Call + ": " + r.Class
	if r.Reason != "" {
		s += " (" + r.Reason + ")"
	}
	if r.Code != "" {
		s += ": code " + r.Code
	}
	if r.Message != "" {
		s += " " + r.Message
	}
	if r.HTTPStatus != 0 && r.HTTPStatus != 200 {
		s += fmt.Sprintf(" [http %d]", r.HTTPStatus)
	}
	if r.TraceID != "" {
		s += " [trace " + r.TraceID + "]"
	}
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}
