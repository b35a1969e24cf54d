package main

import (
	"encoding/json"
	"maps"
	"sync"
	"time"
)

// cards are when people were first told that a voucher is consumed, by its code.
type cards struct {
	mu   sync.Mutex
	told map[string]time.Time
}

// sentCard is what a message/send says, as far as it matters here.
type sentCard struct {
	Card struct {
		Title struct {
			Title string `json:"title"`
		} `json:"main_title"`
		Fields []struct {
			Key   string `json:"keyname"`
			Value string `json:"value"`
		} `json:"horizontal_content_list"`
	} `json:"template_card"`
}

// note takes the body of a message/send that has been answered.
func (c *cards) note(body []byte, at time.Time) {
	var sent sentCard
	if json.Unmarshal(body, &sent) != nil || sent.Card.Title.Title != "核销成功" {
		return
	}
	for _, f := range sent.Card.Fields {
		if f.Key != "券码" {
			continue
		}
		c.mu.Lock()
		if _, again := c.told[f.Value]; !again {
			c.told[f.Value] = at
		}
		c.mu.Unlock()
	}
}

// all gives what was noted so far.
func (c *cards) all() map[string]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.told)
}
