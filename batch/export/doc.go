// Package export turns the records of a batch into the files of other programs:
// sets to train on, tasks to annotate, tables, and pictures to look through.
//
//	report, err := export.Run(ctx, format, "out", records, &export.Options{})
//
// Records of one picture follow each other, as pgcli batch and pgcli merge write
// them; Run refuses others. What is written appears under its name only when it is
// whole. Memory does not grow with the number of records, but for some 40
// bytes a picture, and the labels.
//
// # Boxes and masks
//
// A box has the fractions of the picture that the model spells. Formats that want
// pixels have them with two decimals, as pgcli run --coco has. COCO has masks as run
// lengths. Formats that want a polygon have an object's outlines joined to one: the
// bridges between them have no width, and holes stay holes.
//
// # What is left out
//
// Objects that the filter drops. A picture without objects stays, as an example of
// none, unless Options.Found is set. Formats of pictures leave out pictures that no
// prompt could be answered for, whose size is unknown; the tables have their errors.
package export
