package douyin

// Landed waits for what a client does on a goroutine of its own.
func (c *Client) Landed() {
	c.tokens.mu.Lock()
	f := c.tokens.flight
	c.tokens.mu.Unlock()
	if f != nil {
		<-f.done
	}
}
