package server

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A chatMessage is one message of a conversation.
type chatMessage struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// content is a text, or parts: texts and pictures.
type content []contentPart

// A contentPart is a text or a picture of a message.
type contentPart struct {
	Type     string   `json:"type"`
	Text     string   `json:"text"`
	ImageURL imageURL `json:"image_url"`
}

// An imageURL is an object with a URL, or the URL alone as older clients have it.
// The size that detail asks for is not used: the model has one.
type imageURL struct {
	URL string `json:"url"`
}

// UnmarshalJSON reads {"url": …}, or the URL alone.
func (u *imageURL) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &u.URL)
	}
	type object imageURL
	return json.Unmarshal(data, (*object)(u))
}

// orParts are parts in an array, where a text may stand alone.
type orParts []contentPart

// UnmarshalJSON reads a text, or an array of parts.
func (c *content) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*c = content{{Type: "text"}}
		return json.Unmarshal(data, &(*c)[0].Text)
	}
	return json.Unmarshal(data, (*orParts)(c))
}

// A turn is what a conversation asks: the last message of the user is the prompt.
type turn struct {
	prompt   string
	pictures []string // as data URIs, base64 or URLs
	ignored  []string // what else the conversation has, which the model does not see
}

// conversation returns what messages ask. The pictures are those of the last message of
// the user that has some: programs that chat send the picture with the first message, and
// later questions are about it. PaliGemma was not trained on conversations, so that there
// is no template, and nothing else is read. Errors are 400 and name the message.
func conversation(messages []chatMessage) (t turn, err error) {
	last := -1
	for i, m := range messages {
		switch m.Role {
		case "user":
			last = i
		case "system", "developer", "assistant", "tool", "function":
		default:
			return t, wrong(fmt.Sprintf("messages[%d].role", i), "role %.40q, want user, assistant or system", m.Role)
		}
	}
	if last < 0 {
		return t, wrong("messages", "there is no message of the user: the last one is the prompt")
	}
	written := 0
	for i, part := range messages[last].Content {
		switch part.Type {
		case "text", "input_text":
			if strings.TrimSpace(part.Text) == "" {
				continue
			}
			if written++; written > 1 {
				return t, wrong("messages", "the last message of the user has several texts, want one: the prompt")
			}
			t.prompt = part.Text
		case "image_url":
		default:
			return t, wrong(fmt.Sprintf("messages[%d].content[%d].type", last, i), "content of type %.40q, want text or image_url", part.Type)
		}
	}
	for i := last; i >= 0 && t.pictures == nil; i-- {
		if messages[i].Role == "user" {
			t.pictures = messages[i].Content.pictures()
		}
	}
	if t.prompt == "" && t.pictures == nil {
		return t, wrong("messages", "the last message of the user is empty: want a prompt, a picture, or both")
	}
	counts := map[string]int{}
	for i, m := range messages {
		if i != last {
			counts[m.Role]++
		}
	}
	for _, role := range []string{"system", "developer", "user", "assistant", "tool", "function"} {
		if n := counts[role]; n > 0 {
			t.ignored = append(t.ignored, fmt.Sprintf("%d %s", n, role))
		}
	}
	return t, nil
}

// pictures returns the pictures among parts, in their order, as the model sees them.
func (c content) pictures() (list []string) {
	for _, part := range c {
		if part.Type == "image_url" {
			list = append(list, part.ImageURL.URL)
		}
	}
	return list
}
