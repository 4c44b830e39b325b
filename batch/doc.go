// Package batch asks a model about many pictures: folders, archives, videos. Each
// picture is read and encoded once for all prompts; reading and decoding run ahead of
// the model, and several answers are computed together. Each picture and prompt gets a
// record in a file (package record), in the order of the pictures, whether it was answered
// or failed.
//
// A run that was stopped, at any moment and by anything, goes on where it was: a line
// that was torn is cut, and pictures with records are asked about again only if their bytes
// have changed. The finished file is the same as that of a run that was not stopped, except
// for times.
//
//	out, err := batch.Open(ctx, "out.jsonl", batch.Identity{Model: digest}, false)
//	// ...
//	defer out.Close()
//	report, err := batch.Run(ctx, model, out, []batch.Source{batch.Folder("photos")}, &batch.Options{
//		Prompts: []paligemma.Prompt{"caption en"},
//	})
//
// Sources that need more than files are in packages below this one.
package batch
