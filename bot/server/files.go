package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/bot"
	"yanquan/bot/ticket"
	"yanquan/models"
)

// Files is where people fetch what a chat cannot carry; [ticket.Tickets] does. A link that
// is used up, and a file that is over, are [bot.ErrFileOver].
type Files interface {
	// OfferedFile looks at a link without using it up.
	OfferedFile(ctx context.Context, id, ticket string) (models.File, error)
	// TakeFile uses the link up.
	TakeFile(ctx context.Context, id, ticket string) (models.File, error)
	OpenFile(ctx context.Context, id string) (models.File, io.ReadCloser, error)
}

const (
	// FileLinkLife is how long a link to a file leads to its page.
	FileLinkLife = 24 * time.Hour
	// downloadLife is how long the one who has used the link can fetch the file:
	// phones hand the address to another program, and networks break.
	downloadLife = 10 * time.Minute
	// downloadTimeout bounds the sending: writeTimeout is for pages.
	downloadTimeout = 10 * time.Minute
)

// FileSubject is what a link to a file is signed for.
func FileSubject(file, ticket string) string { return file + " " + ticket }

// offerFile shows what a link leads to. It leaves the link as it is, for whatever
// looks at links in a chat before people do sends a GET.
func (s *Server) offerFile(c *gin.Context) {
	f, _, ok := s.linkedFile(c, s.Files.OfferedFile)
	if !ok {
		return
	}
	s.render(c, http.StatusOK, page{
		Mood: "plain", Title: "下载文件", Text: "只能下载一次。点了下面的按钮，别人就不能再用这个链接。",
		Form: &form{Token: c.Param("token"), Button: "下载"},
		Fields: []bot.Field{
			{Key: "文件", Value: f.Name}, {Key: "大小", Value: readableSize(f.Size)},
			{Key: "有效至", Value: f.ExpiresAt.In(s.Location).Format("2006-01-02 15:04")},
		},
	})
}

// takeFile uses the link up and leads on to the content.
func (s *Server) takeFile(c *gin.Context) {
	f, id, ok := s.linkedFile(c, s.Files.TakeFile)
	if !ok {
		return
	}
	token, err := s.Links.Sign(ToDownload, id, downloadLife)
	if err != nil {
		_ = c.Error(err)
		s.notice(c, http.StatusServiceUnavailable, "暂时打不开", "请过一会儿再试。")
		return
	}
	pageHeaders(c)
	// Relative, because a proxy may have the pages below a folder.
	c.Header("Location", token+"/"+url.PathEscape(f.Name))
	c.Status(http.StatusSeeOther)
}

// linkedFile is the file of the link that was called, or answers with a page.
func (s *Server) linkedFile(c *gin.Context, look func(ctx context.Context, id, ticket string) (models.File, error)) (models.File, string, bool) {
	subject, err := s.Links.Open(ToFile, c.Param("token"))
	id, ticket, ok := strings.Cut(subject, " ")
	if err != nil || !ok {
		s.fileOver(c)
		return models.File{}, "", false
	}
	ctx, cancel := unhurried(c, startWithin)
	defer cancel()
	f, err := look(ctx, id, ticket)
	if err != nil {
		s.noFile(c, err)
		return models.File{}, "", false
	}
	return f, id, true
}

// sendFile sends the content.
func (s *Server) sendFile(c *gin.Context) {
	id, err := s.Links.Open(ToDownload, c.Param("token"))
	if err != nil {
		s.fileOver(c)
		return
	}
	f, content, err := s.Files.OpenFile(c.Request.Context(), id)
	if err != nil {
		s.noFile(c, err)
		return
	}
	defer content.Close()
	if err := http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(downloadTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		_ = c.Error(err)
	}
	pageHeaders(c)
	h := c.Writer.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(f.Name))
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	c.Status(http.StatusOK)
	if c.Request.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(c.Writer, content); err != nil {
		_ = c.Error(fmt.Errorf("send file: %w", err))
	}
}

func (s *Server) noFile(c *gin.Context, err error) {
	if errors.Is(err, ticket.ErrFileOver) {
		s.fileOver(c)
		return
	}
	_ = c.Error(err)
	s.notice(c, http.StatusServiceUnavailable, "暂时打不开", "请过一会儿再试。")
}

// fileOver is the one page for every link that opens nothing, so that it does not tell
// which links there were.
func (s *Server) fileOver(c *gin.Context) {
	s.notice(c, http.StatusGone, "链接已失效", "下载链接一天内有效，只能用一次。请回到企业微信再要一份，例如发：导出 本月")
}

func readableSize(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d 字节", n)
}
