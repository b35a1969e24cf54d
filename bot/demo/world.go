package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"yanquan/bot/wecom/wecomtest"
	"yanquan/dianping/dianpingtest"
	"yanquan/internal/app"
)

// world is everything around the bot: the fakes, each behind an HTTP server of
// its own, and what the page has to know besides.
type world struct {
	wecom    *wecomtest.WeCom
	wecomURL string
	home     string // address of the page, where all links lead
	botURL   string // where the fakes call the bot
	shops    []*shop
	douyin   *douyinPlatform
	servers  []*http.Server
	serving  sync.WaitGroup

	clock   *shiftedClock // of everybody
	timings *timings      // how long callbacks took
	api     *apiLog       // what the bot asked of WeCom

	mu      sync.Mutex
	problem string            // why nothing can be tried now; empty: all is well
	failed  map[string]string // messages that did not reach the bot, by id: why
	changed chan struct{}     // closed and replaced with every change of anything
}

// shop is a store with its fake platform. Each store that is there at first has a
// platform for itself, so that mischief at one leaves the other alone.
type shop struct {
	tray
	main     *shop // whose platform this is; nil: its own
	platform *dianpingtest.Platform
	url      string

	mood string // mischief that was chosen last
}

const starting = "机器人正在启动…"

// newWorld makes a world whose page is at home.
func newWorld(home string) (w *world, err error) {
	w = &world{
		home:    home,
		clock:   &shiftedClock{base: time.Now},
		timings: &timings{next: &http.Transport{MaxIdleConnsPerHost: 16}, took: map[string]time.Duration{}},
		problem: starting, failed: map[string]string{}, changed: make(chan struct{}),
	}
	w.api = &apiLog{changed: w.bump, now: w.clock.now}
	w.clock.set(daytime(time.Now()))
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	opt := wecomtest.Options{
		Now:    w.clock.now,
		Client: &http.Client{Transport: w.timings},
		Apps:   []wecomtest.App{{Name: appName, TrustedDomain: strings.TrimPrefix(home, "http://")}},
		Robots: []wecomtest.Robot{{Name: robotName, DisplayName: robotShow}},
	}
	for _, p := range people {
		opt.Users = append(opt.Users, wecomtest.User{ID: p.ID, Name: p.Name})
	}
	for _, c := range chats {
		if c.Group {
			opt.Groups = append(opt.Groups, wecomtest.Group{ID: c.ID, Name: c.Name, Members: c.Members, Robots: []string{robotName}})
		}
	}
	w.wecom = wecomtest.New(opt)
	if w.wecomURL, err = w.serve(w.api.record(w.wecom)); err != nil {
		return nil, err
	}
	w.wecom.SetAPIURL(w.wecomURL)
	w.wecom.Run()
	for _, s := range stores {
		open := w.openShop
		if s.Beside != "" {
			open = w.openBeside
		}
		one, err := open(s)
		if err != nil {
			return nil, err
		}
		w.shops = append(w.shops, one)
	}
	return w, w.openDouyin()
}

func (w *world) openShop(s store) (*shop, error) {
	clock := &shiftedClock{base: w.clock.now}
	one := &shop{tray: newTray(s, clock), mood: calm}
	one.platform = dianpingtest.New(dianpingtest.Options{
		Now: clock.now, AppKey: demoAppKey, AppSecret: demoAppSecret, DeveloperID: demoDeveloperID, SignKey: demoSignKey,
	})
	var err error
	if one.url, err = w.serve(one.platform); err != nil {
		one.platform.Close()
		return nil, err
	}
	err = errors.Join(
		one.platform.AddShop(dianpingtest.Shop{ID: s.ID, Name: s.Name}),
		one.platform.AddSession(dianpingtest.Session{Token: s.token, Dialect: s.Dialect, Shops: []string{s.ID}}),
		one.stock(w.clock.now()),
	)
	if err != nil {
		one.platform.Close()
		return nil, fmt.Errorf("demo: %s: %w", s.Name, err)
	}
	return one, nil
}

// openBeside opens a store on the platform of another. The merchant has yet to
// authorise it.
func (w *world) openBeside(s store) (*shop, error) {
	main, err := w.shop(s.Beside)
	if err != nil {
		return nil, fmt.Errorf("demo: %s: %w", s.Name, err)
	}
	one := &shop{tray: newTray(s, main.clock), main: main, platform: main.platform, url: main.url}
	err = errors.Join(
		one.platform.AddShop(dianpingtest.Shop{ID: s.ID, Name: s.Name}),
		one.sell(one.voucher(afternoonTea, "61", []string{s.ID}), "授权、绑定以后再验"),
		one.sell(one.voucher(quickLunch, "62", []string{s.ID}), ""),
		main.sell(main.voucher(family, "43", []string{s.ID}), s.Name+"的券，本店不能用"),
	)
	if err != nil {
		return nil, fmt.Errorf("demo: %s: %w", s.Name, err)
	}
	return one, nil
}

// platforms are the shops with a platform of their own.
func (w *world) platforms() []*shop {
	return slices.DeleteFunc(slices.Clone(w.shops), func(s *shop) bool { return s.main != nil })
}

// listenLoopback takes a free port that only this machine can reach.
func listenLoopback() (net.Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: listen: %w", err)
	}
	return ln, nil
}

// serve puts a fake behind a port of its own.
func (w *world) serve(h http.Handler) (url string, err error) {
	ln, err := listenLoopback()
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	w.servers = append(w.servers, srv)
	w.serving.Go(func() { _ = srv.Serve(ln) }) // ends with close
	return app.LocalURL(ln.Addr()), nil
}

// pointAt tells the fakes where the bot is, as their consoles would; browsers come back
// to the address of the page.
func (w *world) pointAt(botURL string) error {
	w.botURL = botURL
	for _, s := range w.platforms() {
		s.platform.SetRegistration(dianpingtest.Registration{
			CallbackURL: w.home + "/auth/meituan/callback", NoticeURL: botURL + "/auth/meituan/notice",
		})
	}
	return errors.Join(
		w.wecom.SetCallbackURL(wecomtest.InRobot(robotName, ""), botURL+"/wecom/bot/"+robotName),
		w.wecom.SetCallbackURL(wecomtest.InApp(appName, ""), botURL+"/wecom/app/"+appName),
	)
}

// close ends the fakes and their servers. The bot has ended before.
func (w *world) close() {
	w.wecom.Close()
	for _, s := range w.platforms() {
		s.platform.Close()
	}
	if w.douyin != nil {
		w.douyin.Close()
	}
	for _, srv := range w.servers {
		_ = srv.Close() // nothing is under way any more
	}
	w.serving.Wait()
}

// bump wakes the pages that wait for news.
func (w *world) bump() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// news is closed with the next change of anything.
func (w *world) news() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *world) setProblem(text string) {
	w.mu.Lock()
	same := w.problem == text
	w.problem = text
	w.mu.Unlock()
	if !same {
		w.bump()
	}
}

// watch turns every change of the fakes and of the bot's readiness into news,
// until ctx ends.
func (w *world) watch(ctx context.Context) {
	var watching sync.WaitGroup
	follow := func(next func() <-chan struct{}) {
		watching.Go(func() {
			for {
				changed := next()
				w.bump()
				select {
				case <-changed:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	follow(func() <-chan struct{} { return w.wecom.Changed(w.wecom.Version()) })
	for _, s := range w.platforms() {
		follow(func() <-chan struct{} {
			_, _, more := s.platform.Since(math.MaxUint64)
			return more
		})
	}
	follow(func() <-chan struct{} {
		_, _, more := w.douyin.Since(math.MaxUint64)
		return more
	})
	w.watchBot(ctx, w.botURL+"/readyz")
	watching.Wait()
}

// watchBot asks the bot from time to time whether it is well.
func (w *world) watchBot(ctx context.Context, readyURL string) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	tick := time.Tick(2 * time.Second)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, readyURL, nil)
		if err != nil {
			return // the address is ours and well-formed
		}
		resp, err := client.Do(req)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.setProblem("机器人没有回应。")
		case resp.StatusCode != http.StatusOK:
			w.setProblem(fmt.Sprintf("机器人没有准备好（/readyz 回答 %d）。", resp.StatusCode))
		default:
			w.setProblem("")
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}
