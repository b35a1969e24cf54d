package douyin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanquan/internal/httpcall"
)

const (
	linkTimeout = 2 * time.Second
	maxLink     = 8 << 10
)

// IsLink reports whether a text is an address that [Client.ResolveLink] takes:
// https, at a host of Douyin by name, at its own port.
func IsLink(text string) bool {
	_, err := parseLink(text)
	return err == nil
}

func parseLink(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxLink {
		return nil, errors.New("the link is too long")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the link cannot be read")
	case u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" || u.Opaque != "":
		return nil, errors.New("the link is not plain https")
	case !ownHost(strings.ToLower(u.Hostname())):
		return nil, errors.New("the link is to another host")
	}
	return u, nil
}

func ownHost(name string) bool {
	return strings.HasSuffix(name, ".douyin.com") || strings.HasSuffix(name, ".iesdouyin.com")
}

// ResolveLink turns what a customer's QR code says, https://v.douyin.com/…, into
// what [Client.PrepareEncrypted] takes: the link is asked where it leads, and the
// object_id is taken from there. Where it leads is not fetched, and not cared for
// otherwise. A link that has an object_id of its own is not asked.
func (c *Client) ResolveLink(ctx context.Context, link string) (Secret, error) {
	started := c.now()
	r := request{call: CallLink, secrets: []Secret{Secret(strings.TrimSpace(link))}}
	u, err := parseLink(link)
	if err != nil {
		return "", c.badLink(r, err)
	}
	if data := objectID(u); data != "" {
		return data, nil
	}
	r.secrets = append(r.secrets, Secret(strings.Trim(u.Path, "/")))
	data, failure := c.follow(ctx, r, u)
	c.observe(Observation{Platform: c.Platform(), Call: CallLink, Started: started, Took: c.now().Sub(started), Err: failure})
	if failure != nil {
		return "", failure
	}
	return data, nil
}

func (c *Client) badLink(r request, err error) *Error {
	e := c.reporter(r).fail(Refused, err)
	e.Reason = BadLink
	return e
}

func (c *Client) follow(ctx context.Context, r request, u *url.URL) (Secret, *Error) {
	report := c.reporter(r)
	ctx, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", c.badLink(r, err)
	}
	req.Header.Set("User-Agent", "yanquan")
	resp, err := c.links.RoundTrip(req)
	if err != nil {
		return "", report.fail(Unavailable, err) // it has no effect that could be lost
	}
	resp.Body.Close() // not read
	location := resp.Header.Get("Location")
	switch {
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone:
		return "", c.badLink(r, fmt.Errorf("the link is not known: http %d", resp.StatusCode))
	case !httpcall.IsRedirect(resp.StatusCode):
		return "", report.fail(UnknownOutcome, fmt.Errorf("the link leads nowhere: http %d", resp.StatusCode))
	case len(location) > maxLink:
		return "", c.badLink(r, errors.New("what the link leads to is too long"))
	}
	target, err := url.Parse(location)
	if err != nil {
		return "", c.badLink(r, errors.New("what the link leads to cannot be read"))
	}
	data := objectID(target)
	if data == "" {
		return "", c.badLink(r, errors.New("the link leads to no voucher"))
	}
	return data, nil
}

func objectID(u *url.URL) Secret {
	if id := u.Query().Get("object_id"); len(id) <= maxCode {
		return Secret(id)
	}
	return ""
}

// newLinks makes what asks where links lead. own is nil outside of tests.
func newLinks(own http.RoundTripper) http.RoundTripper {
	if own != nil {
		return own
	}
	return httpcall.NewPublic(linkTimeout, maxLink)
}
