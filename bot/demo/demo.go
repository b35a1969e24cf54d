// Package demo runs everything in one process, with no account anywhere: the
// bot itself, fakes of the platforms and of WeCom, and a chat page in the browser that
// looks and behaves like WeCom.
//
// Nothing is short-circuited. The bot is the one that "yanquan serve" runs; the
// fakes listen on loopback ports of their own, and every message, card and
// voucher travels over HTTP, encrypted or signed as it would be in earnest.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"yanquan/internal/app"
	"yanquan/internal/config"
	"yanquan/internal/logs"
)

// Options of [Run].
type Options struct {
	Listen string    // host:port of the chat page; port 0 takes a free one
	Out    io.Writer // where the address and the bot's warnings go; nil: nowhere
}

// shutdownGrace is how long the bot may finish what is under way. Nothing in a
// demonstration is worth a longer wait.
const shutdownGrace = 2 * time.Second

// Run shows the demonstration until ctx ends. It prints the address of the chat
// page as soon as the bot is ready.
func Run(ctx context.Context, o Options) (err error) {
	out := &lockedWriter{to: o.Out}
	page, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("demo: listen: %w", err)
	}
	dir, err := os.MkdirTemp("", "yanquan-demo-")
	if err != nil {
		return errors.Join(fmt.Errorf("demo: %w", err), page.Close())
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	w, err := newWorld(app.LocalURL(page.Addr()))
	if err != nil {
		return errors.Join(err, page.Close())
	}
	defer w.close()
	botListener, err := listenLoopback()
	if err != nil {
		return errors.Join(err, page.Close())
	}
	closing := func(err error) error { return errors.Join(err, page.Close(), botListener.Close()) }
	if err := w.pointAt(app.LocalURL(botListener.Addr())); err != nil {
		return closing(err)
	}
	cfg, err := w.config(filepath.Join(dir, "demo.db"))
	if err != nil {
		return closing(err)
	}
	log, err := logs.New(out, cfg.Log.Level, cfg.Log.Format, cfg.Secrets())
	if err != nil {
		return closing(err)
	}
	return w.show(ctx, cfg, log, out, page, botListener)
}

// show runs the bot and the page. Whichever ends first takes the other with it;
// the page goes before the bot, and the bot before the fakes.
func (w *world) show(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer, page, botListener net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	botCtx, stopBot := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBot()

	botDone := make(chan error, 1)
	go func() {
		err := app.Run(botCtx, cfg, app.Options{Listener: botListener, Log: log, Now: w.clock.now, Platform: w.douyin.way(), Ready: func(string) {
			if err := w.douyin.Subscribe(botCtx, w.botURL+"/auth/douyin/notice"); err != nil {
				log.Warn("Douyin's messages do not come", "error", err)
			}
			w.setProblem("")
			fmt.Fprintf(out, "验券演示已就绪，请用浏览器打开：%s\n按 Ctrl-C 结束，数据随之清除。\n", w.home)
		}})
		switch {
		case err != nil:
			err = fmt.Errorf("demo: the bot: %w", err)
		case ctx.Err() == nil:
			err = errors.New("demo: the bot stopped by itself")
		}
		stop()
		botDone <- err
	}()

	var watching sync.WaitGroup
	watching.Go(func() { w.watch(ctx) })
	pageErr := w.servePage(ctx, page)
	stop()
	stopBot()
	botErr := <-botDone
	watching.Wait()
	return errors.Join(pageErr, botErr)
}

// lockedWriter lets several goroutines write lines.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to == nil {
		return len(p), nil
	}
	return l.to.Write(p)
}
