package convert

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pgcli/paligemma/internal/legible"
)

// A moduleList is PEFT's choice of modules: a list of the ends of their names, or a
// regular expression over whole names. Both are nil if it is absent or null.
type moduleList struct {
	ends []string
	expr *regexp.Regexp
	text string // as the file has it
}

func (l *moduleList) UnmarshalJSON(data []byte) (err error) {
	*l = moduleList{text: string(data)}
	var expr string
	switch {
	case string(data) == "null" || json.Unmarshal(data, &l.ends) == nil:
		return nil
	case json.Unmarshal(data, &expr) != nil:
		return fmt.Errorf("%.80s is no list of modules, want names or a regular expression", data)
	case expr == "" || strings.EqualFold(expr, allLinear):
		return nil
	}
	l.expr, err = pythonRegexp(`\A(?:%s)\z`, expr)
	return err
}

// allLinear stands for all linear layers, which PEFT looks up in the model.
const allLinear = "all-linear"

func (l moduleList) has(module string) bool {
	if l.expr != nil {
		return l.expr.MatchString(module)
	}
	return slices.ContainsFunc(l.ends, func(end string) bool { return module == end || strings.HasSuffix(module, "."+end) })
}

// otherwise are beginnings of expressions that Go compiles and reads in another way than
// Python's re.
var otherwise = []string{"{,", "[[", `\Q`, `\C`, `\p`, `\P`, `\x{`, `\z`, "(?U", "(?s-", "(?i-", "(?m-"}

// pythonRegexp compiles a regular expression of Python's, put into a form. It refuses
// one that Go's package regexp lacks or reads otherwise.
func pythonRegexp(form, expr string) (*regexp.Regexp, error) {
	for _, s := range otherwise {
		if strings.Contains(expr, s) {
			return nil, fmt.Errorf("regular expression %q has %s, which this program reads otherwise than Python; %s", expr, s, mergeFirst)
		}
	}
	compiled, err := regexp.Compile(fmt.Sprintf(form, expr))
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w; %s", expr, err, mergeFirst)
	}
	return compiled, nil
}

// changes reports whether PEFT changes a module when it loads an adapter with this
// configuration: check_target_module_exists of PEFT 0.17, but for modules_to_save.
func (c adapterConfig) changes(module string) bool {
	for _, parameter := range c.Parameters { // such as q_proj.weight
		if (moduleList{ends: []string{strings.TrimSuffix(parameter, ".weight")}}).has(module) {
			return true
		}
	}
	if c.Excluded.has(module) || !c.Targets.has(module) {
		return false
	}
	if c.Targets.expr != nil || len(c.Layers) == 0 || slices.Contains(c.Targets.ends, module) {
		return true
	}
	for _, pattern := range c.LayersPattern.orAny() {
		if match := pattern.FindStringSubmatch(module); match != nil {
			n, err := strconv.Atoi(match[1])
			return err == nil && slices.Contains(c.Layers, n)
		}
	}
	return false
}

// layerNumbers is a number or a list of numbers; none means all layers.
type layerNumbers []int

func (l *layerNumbers) UnmarshalJSON(data []byte) (err error) {
	*l, err = oneOrMore[int](data, "layers_to_transform", "a number or a list of numbers")
	return err
}

// layerPatterns find the number of a layer in the name of a module.
type layerPatterns []*regexp.Regexp

// layerForm is PEFT's own expression.
const layerForm = `\A.*\.%s\.(\d+)\.`

func (l *layerPatterns) UnmarshalJSON(data []byte) error {
	if string(data) == `""` { // means the same as null
		return nil
	}
	list, err := oneOrMore[string](data, "layers_pattern", "a name or a list of names")
	if err != nil {
		return err
	}
	for _, expr := range list {
		pattern, err := pythonRegexp(layerForm, expr)
		if err != nil {
			return err
		}
		*l = append(*l, pattern)
	}
	return nil
}

// orAny returns the patterns, or one for layers of any name.
func (l layerPatterns) orAny() []*regexp.Regexp {
	if len(l) > 0 {
		return l
	}
	return []*regexp.Regexp{regexp.MustCompile(fmt.Sprintf(layerForm, `[^.]*`))}
}

// checkTargets refuses an adapter with matrices for a module that its configuration does
// not choose: PEFT leaves them out when it loads the adapter.
func (l *lora) checkTargets() error {
	if t := l.config.Targets; t.ends == nil && t.expr == nil { // absent, or all linear layers
		return nil
	}
	var left []string
	products := 0
	for _, module := range slices.Sorted(maps.Keys(l.modules)) {
		if arrays := l.modules[module]; arrays[kindA].name == "" && arrays[kindEmbeddingA].name == "" {
			continue
		}
		if products++; !l.config.changes(module) {
			left = append(left, module)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("%s: target_modules is %.80s, which with exclude_modules and layers_to_transform leaves out %d of the %d modules that the adapter holds matrices for, as PEFT would: the files do not belong together\n%s",
		l.config.path, l.config.Targets.text, len(left), products, legible.Lines(left, "  "))
}
