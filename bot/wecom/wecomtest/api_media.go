package wecomtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"time"
)

// medium is an uploaded file, or a picture that was sent.
type medium struct {
	kind, name string
	data       []byte
	at         time.Time
	spoil      Spoil
}

// keep stores a medium and returns its id. Callers hold mu.
func (w *WeCom) keep(kind, name string, data []byte) string {
	id := w.newID(64)
	w.media[id] = &medium{kind: kind, name: name, data: bytes.Clone(data), at: w.opt.Now()}
	return id
}

// hasMedium reports whether a media_id is known and younger than three days.
// Callers hold mu.
func (w *WeCom) hasMedium(id string) bool {
	m := w.media[id]
	return m != nil && w.opt.Now().Sub(m.at) < mediaLife
}

// Medium is what was uploaded, or sent by a person.
type Medium struct {
	Kind, Name string
	Data       []byte
}

// Medium finds a medium by its media_id, which is the Text of the bubble that
// shows it. Its receiver keeps it, so that it never expires here.
func (w *WeCom) Medium(id string) (Medium, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.media[id]
	if m == nil {
		return Medium{}, false
	}
	return Medium{Kind: m.kind, Name: m.name, Data: bytes.Clone(m.data)}, true
}

// ExpireMedia makes every media_id older than three days: 40007 from now on.
func (w *WeCom) ExpireMedia() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.media {
		m.at = m.at.Add(-mediaLife)
	}
}

// mediaLimits are bytes a file of a type may have (page 90253).
var mediaLimits = map[string]int{"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}

func (w httpAPI) mediaRoutes() {
	w.mux.HandleFunc("/cgi-bin/media/upload", func(rw http.ResponseWriter, r *http.Request) {
		w.serve(rw, r, "media/upload", func() (func(), *apiError) {
			out, refusal := w.upload(rw, r)
			return func() { w.succeed(rw, out) }, refusal
		})
	})
	w.mux.HandleFunc("/cgi-bin/media/get", func(rw http.ResponseWriter, r *http.Request) {
		w.serve(rw, r, "media/get", func() (func(), *apiError) {
			m, refusal := w.download(r)
			return func() { w.writeMedium(rw, r, m) }, refusal
		})
	})
	w.mux.HandleFunc("GET "+picturePath+"{id}", w.servePicture)
}

// upload is media/upload (page 90253): a multipart form with a field "media" that
// has a file name.
func (w httpAPI) upload(rw http.ResponseWriter, r *http.Request) (object, *apiError) {
	w.mu.Lock()
	b, refusal := w.authorise(r)
	if refusal != nil {
		w.refused(b, "media/upload", refusal)
	}
	w.mu.Unlock()
	if refusal != nil {
		return nil, refusal
	}
	kind, name, data, refusal := readUpload(rw, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if refusal != nil {
		w.refused(b, "media/upload", refusal)
		return nil, refusal
	}
	return object{"type": kind, "media_id": w.keep(kind, name, data), "created_at": strconv.FormatInt(w.opt.Now().Unix(), 10)}, nil
}

func readUpload(rw http.ResponseWriter, r *http.Request) (kind, name string, data []byte, refusal *apiError) {
	kind = r.URL.Query().Get("type")
	limit, ok := mediaLimits[kind]
	switch {
	case r.Method != http.MethodPost:
		return "", "", nil, refusef(40058, "invalid request method %s", r.Method)
	case !ok:
		return "", "", nil, refusef(40004, "invalid media type")
	}
	r.Body = http.MaxBytesReader(rw, r.Body, int64(limit)+64<<10)
	file, header, err := r.FormFile("media")
	if err != nil {
		return "", "", nil, refusef(41005, "media data missing")
	}
	defer func() { _ = file.Close(); _ = r.MultipartForm.RemoveAll() }()
	if data, err = io.ReadAll(file); err != nil {
		return "", "", nil, refusef(41005, "media data broken")
	}
	if len(data) <= 5 || len(data) > limit {
		return "", "", nil, refusef(40006, "invalid media size")
	}
	if kind == "image" && !isPicture(data) {
		return "", "", nil, refusef(40005, "invalid file type")
	}
	return kind, path.Base(header.Filename), data, nil
}

// isPicture reports whether data is a JPEG or a PNG, which is what the page names.
func isPicture(data []byte) bool {
	kind := http.DetectContentType(data)
	return kind == "image/jpeg" || kind == "image/png"
}

// download is media/get (page 90254).
func (w httpAPI) download(r *http.Request) (*medium, *apiError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, refusal := w.authorise(r)
	id := r.URL.Query().Get("media_id")
	switch {
	case refusal != nil:
	case r.Method != http.MethodGet:
		refusal = refusef(40058, "invalid request method %s", r.Method)
	case !w.hasMedium(id):
		refusal = refusef(40007, "invalid media_id")
	}
	if refusal != nil {
		w.refused(b, "media/get", refusal)
		return nil, refusal
	}
	return w.media[id], nil
}

func (w httpAPI) writeMedium(rw http.ResponseWriter, r *http.Request, m *medium) {
	rw.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", m.name))
	rw.Header().Set("Content-Type", "application/octet-stream")
	data := m.spoil.cut(m.data)
	if m.spoil.Stall {
		w.stall(rw, r, data)
		return
	}
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(data)) // with ranges
}
