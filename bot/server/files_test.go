package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanquan/bot/ticket"
	"yanquan/models"
)

// fakeFiles has one file, whose link can be used once.
type fakeFiles struct {
	content string
	used    bool
	err     error
}

const fileName = `验券_2026年11月_"2"家门店.xlsx`

func (f *fakeFiles) OfferedFile(_ context.Context, id, secret string) (models.File, error) {
	switch {
	case f.err != nil:
		return models.File{}, f.err
	case id != "f1" || secret != "t1" || f.used:
		return models.File{}, ticket.ErrFileOver
	}
	return models.File{ID: "f1", Name: fileName, Size: int64(len(f.content)), ExpiresAt: time.Date(2026, 11, 25, 4, 0, 0, 0, time.UTC)}, nil
}

func (f *fakeFiles) TakeFile(ctx context.Context, id, secret string) (models.File, error) {
	file, err := f.OfferedFile(ctx, id, secret)
	f.used = f.used || err == nil
	return file, err
}

func (f *fakeFiles) OpenFile(context.Context, string) (models.File, io.ReadCloser, error) {
	if f.err != nil {
		return models.File{}, nil, f.err
	}
	return models.File{ID: "f1", Name: fileName, Size: int64(len(f.content))}, io.NopCloser(strings.NewReader(f.content)), nil
}

func TestFilePages(t *testing.T) {
	t.Parallel()
	files := &fakeFiles{content: strings.Repeat("x", 3<<20)}
	b := setup(t, func(o *Options) { o.Files = files })
	sign := func(p Purpose, subject string, life time.Duration) string {
		token, err := b.links.Sign(p, subject, life)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := "/files/" + sign(ToFile, FileSubject("f1", "t1"), time.Hour)
	for range 2 { // looking uses nothing up
		rec := b.do("GET", good, nil)
		for _, text := range []string{"验券_2026年11月", "3.0 MB", "2026-11-25", "下载", `method="post"`} {
			if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), text) {
				t.Fatalf("%d, no %q in %s", rec.Code, text, rec.Body)
			}
		}
	}
	for name, link := range map[string]string{
		"another file": "/files/" + sign(ToFile, FileSubject("f2", "t1"), time.Hour), "another ticket": "/files/" + sign(ToFile, FileSubject("f1", "t2"), time.Hour),
		"too old": "/files/" + sign(ToFile, FileSubject("f1", "t1"), -time.Second), "for a voucher": "/files/" + sign(ToVoucher, FileSubject("f1", "t1"), time.Hour),
		"no ticket": "/files/" + sign(ToFile, "f1", time.Hour), "a guess": "/files/abc", "page's link for the content": good + "/x.xlsx",
	} {
		for _, method := range []string{"GET", "POST"} {
			if strings.HasSuffix(link, "/x.xlsx") && method == "POST" {
				continue
			}
			if rec := b.do(method, link, nil); rec.Code != http.StatusGone || strings.Contains(rec.Body.String(), "xlsx\"") {
				t.Errorf("%s %s: %d %s", method, name, rec.Code, rec.Body)
			}
		}
	}
	if files.used {
		t.Fatal("a bad link used the good one up")
	}

	rec := b.do("POST", good, nil)
	to := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther || strings.HasPrefix(to, "/") || strings.Contains(to, "://") {
		t.Fatalf("%d to %q", rec.Code, to)
	}
	rec = b.do("GET", "/files/"+to, nil)
	if rec.Code != http.StatusOK || !bytes.Equal(rec.Body.Bytes(), []byte(files.content)) {
		t.Errorf("%d, %d bytes", rec.Code, rec.Body.Len())
	}
	for header, want := range map[string]string{
		"Content-Disposition": "attachment; filename*=UTF-8''%E9%AA%8C%E5%88%B8_2026%E5%B9%B411%E6%9C%88_%222%22%E5%AE%B6%E9%97%A8%E5%BA%97.xlsx",
		"Cache-Control":       "no-store", "X-Content-Type-Options": "nosniff", "Content-Length": "3145728",
	} {
		if got := rec.Header().Get(header); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
	for _, method := range []string{"GET", "POST"} {
		if rec := b.do(method, good, nil); rec.Code != http.StatusGone {
			t.Errorf("%s of a used link: %d", method, rec.Code)
		}
	}
	files.used, files.err = false, errors.New("database gone")
	for _, call := range [][2]string{{"GET", good}, {"POST", good}, {"GET", "/files/" + to}} {
		if rec := b.do(call[0], call[1], nil); rec.Code != http.StatusServiceUnavailable || strings.Contains(rec.Body.String(), "database") {
			t.Errorf("%v in trouble: %d %s", call, rec.Code, rec.Body)
		}
	}
	if strings.Contains(b.log.String(), strings.TrimPrefix(good, "/files/")) {
		t.Error("the log has the link")
	}
}
