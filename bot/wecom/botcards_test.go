package wecom

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yanquan/bot"
)

// TestBotCards renders every card the bot makes in the wire form of each channel:
// within the hard limits, and with nothing that matters cut off.
func TestBotCards(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "chat", "testdata", "cards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cards of the bot: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var reply bot.Reply
		if err := json.Unmarshal(data, &reply); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if reply.Card == nil {
			t.Errorf("%s has no card", name)
			continue
		}
		for _, channel := range []Channel{AppChannel, RobotChannel} {
			card, err := checkedCard(channel, *reply.Card, testFallback)
			if err != nil {
				t.Errorf("%s as %s: %v", name, channel, err)
				continue
			}
			wire := pretty(t, card)
			golden(t, "bot/"+name+"."+string(channel)+".json", wire)
			for _, f := range reply.Card.Fields {
				if !strings.Contains(string(wire), f.Value) {
					t.Errorf("%s as %s: %q is cut", name, channel, f.Value)
				}
			}
			if strings.Contains(string(wire), "…") {
				t.Errorf("%s as %s: something is cut:\n%s", name, channel, wire)
			}
		}
	}
}
