package browser

import (
	"testing"

	"github.com/pgcli/paligemma/server"
)

func TestLooks(t *testing.T) {
	s := serve(t, server.Options{})
	for name, l := range map[string]look{"light-1440": {}, "dark-360": {width: 360, scheme: "dark", touch: true}, "dark-1440": {scheme: "dark"}, "light-360": {width: 360, touch: true}} {
		t.Run(name, func(t *testing.T) {
			b := open(t, s.URL, l)
			b.until(`document.querySelector("#model b")`)
			b.shot(name + "-empty")
			b.press("#examples li:nth-child(2) button")
			b.answered()
			b.shot(name + "-boxes")
		})
	}
}
