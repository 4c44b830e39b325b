package hparams

import "github.com/pgcli/paligemma/gguf"

// A Field is one metadata key and the variable that holds its value.
type Field struct {
	Key   string
	value value
}

// Value returns the value to write, in the type that the key has in a file, or
// nil if the file does without the key.
func (f Field) Value() any { return f.value.get() }

// A value is a variable with the type and the bounds of its key.
type value interface {
	get() any                            // the value for a file
	read(f *gguf.File, key string) error // sets the variable, without a check
	check(key string) error              // names key, value and bounds
}

// read sets the variables of the fields from a file and checks each.
func read(f *gguf.File, fields []Field) error {
	for _, x := range fields {
		if err := x.value.read(f, x.Key); err != nil {
			return err
		}
		if err := x.value.check(x.Key); err != nil {
			return err
		}
	}
	return nil
}

// under puts a prefix before the keys.
func under(prefix string, fields []Field) []Field {
	for i := range fields {
		fields[i].Key = prefix + fields[i].Key
	}
	return fields
}
