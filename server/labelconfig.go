package server

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"

	"github.com/pgcli/paligemma"
)

// A labelling is a control of a Label Studio configuration that can be answered
// (https://labelstud.io/tags).
type labelling struct {
	kind   string // a value of controls
	name   string
	to     string            // the picture that is labelled
	key    string            // of the picture in a task's data
	things []string          // to ask for, or to choose from
	label  map[string]string // of each thing
	prompt paligemma.Prompt  // of a text or a choice
}

// Kinds of controls.
const (
	kindBoxes    = "rectanglelabels"
	kindPolygons = "polygonlabels"
	kindText     = "textarea"
	kindChoices  = "choices"
)

// controls are the tags of controls that can be answered.
var controls = map[string]string{"RectangleLabels": kindBoxes, "PolygonLabels": kindPolygons, "TextArea": kindText, "Choices": kindChoices}

// mostConfig is the longest configuration in bytes that is read: nothing ends that, and no
// queue admits /setup. Those of projects have some kilobytes.
const mostConfig = 1 << 20

// labellings returns the controls of a configuration that can be answered. A label
// asks for its predicted_values, which are words with commas between them, or else for
// its value in lower case, as the models were trained. Texts and choices are answered
// if they have a model_prompt, as nothing else says what is asked. Errors are 400: the
// configuration is too long or no XML, labels no picture, or has nothing to answer.
// encoding/xml expands no entities of the document's own, so that a short one cannot grow.
func labellings(config string) (list []*labelling, err error) {
	if len(config) > mostConfig {
		return nil, wrong("label_config", "label_config has %d bytes, want at most %d", len(config), mostConfig)
	}
	in := xml.NewDecoder(strings.NewReader(config))
	keys := map[string]string{} // of pictures, by name
	var open []string
	var current *labelling
	for {
		token, err := in.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, wrong("label_config", "label_config is not XML: %w", err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			if current != nil && len(open) > 0 && controls[t.Name.Local] == current.kind {
				current = nil
			}
			open = open[:max(0, len(open)-1)]
		case xml.StartElement:
			open = append(open, t.Name.Local)
			switch kind := controls[t.Name.Local]; {
			case kind != "":
				current = &labelling{kind: kind, name: attribute(t, "name"), to: attribute(t, "toName"), label: map[string]string{},
					prompt: paligemma.Prompt(attribute(t, "model_prompt"))}
				if kind != kindText && kind != kindChoices || current.prompt != "" && !strings.EqualFold(attribute(t, "perRegion"), "true") {
					list = append(list, current)
				}
			case t.Name.Local == "Image":
				keys[attribute(t, "name")] = strings.TrimPrefix(attribute(t, "value"), "$")
			case (t.Name.Local == "Label" || t.Name.Local == "Choice") && current != nil:
				current.add(attribute(t, "value"), attribute(t, "predicted_values"))
			}
		}
	}
	for _, l := range list {
		key, known := keys[l.to]
		if !known || key == "" {
			return nil, wrong("label_config", "control %.60q labels %.60q, which is no Image of the configuration", l.name, l.to)
		}
		l.key = key
	}
	list = slices.DeleteFunc(list, func(l *labelling) bool { return len(l.things) == 0 && l.kind != kindText })
	if len(list) == 0 {
		return nil, wrong("label_config", "label_config has nothing to answer: want RectangleLabels or PolygonLabels with labels, or TextArea or Choices with a model_prompt")
	}
	return list, nil
}

// add adds a label with the things that it stands for. A thing that an earlier label
// stands for keeps that label, as an answer names things, not labels.
func (l *labelling) add(value, predicted string) {
	if predicted == "" {
		predicted = strings.ToLower(value)
	}
	for thing := range strings.SplitSeq(predicted, ",") {
		if thing = strings.TrimSpace(thing); thing != "" && l.label[thing] == "" {
			l.things = append(l.things, thing)
			l.label[thing] = value
		}
	}
}

// attribute returns an attribute of an XML element; "" without it. Capitals do
// not matter, as in Label Studio.
func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}
