package gguf

import "fmt"

// A TensorWriter takes the data of one tensor from front to back, in writes of
// any size. It belongs to one goroutine; different TensorWriters of a Writer
// from [NewWriterAt] or [Create] may be used at the same time.
type TensorWriter struct {
	w       *Writer
	t       *declaredTensor
	written int64
	err     error // of the last Write or Close that failed
	closed  bool
}

// Tensor starts the data of a declared tensor. Each tensor is started once.
// The caller must write exactly its Size and Close the TensorWriter.
func (w *Writer) Tensor(name string) (*TensorWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return nil, w.err
	}
	if !w.begun {
		return nil, errNoHeader
	}
	t := w.tensorIdx[name]
	switch {
	case t == nil:
		return nil, fmt.Errorf("gguf: %s: not declared", tensorEntry(name))
	case t.state != declared:
		return nil, fmt.Errorf("gguf: %s: started twice", tensorEntry(name))
	case w.ordered && t.index != w.next:
		return nil, fmt.Errorf("gguf: %s: out of order, %s comes first", tensorEntry(name), tensorEntry(w.tensors[w.next].Name))
	}
	t.state = started
	return &TensorWriter{w: w, t: t}, nil
}

// WriteTensor writes the whole data of a declared tensor.
func (w *Writer) WriteTensor(name string, data []byte) error {
	tw, err := w.Tensor(name)
	if err != nil {
		return err
	}
	if _, err := tw.Write(data); err != nil {
		return err
	}
	return tw.Close()
}

// Size returns the number of bytes that the tensor takes.
func (tw *TensorWriter) Size() int64 { return tw.t.Size }

// Write writes the next bytes of the tensor. Bytes beyond its size are an
// error, and then none of p is written.
func (tw *TensorWriter) Write(p []byte) (int, error) {
	if tw.closed {
		return 0, fmt.Errorf("gguf: %s: written after Close", tensorEntry(tw.t.Name))
	}
	if tw.err != nil {
		return 0, tw.err
	}
	if left := tw.t.Size - tw.written; int64(len(p)) > left {
		tw.err = fmt.Errorf("gguf: %s: %d bytes too many, its size is %d", tensorEntry(tw.t.Name), int64(len(p))-left, tw.t.Size)
		return 0, tw.err
	}
	return tw.put(p)
}

// put writes p, which may be the padding after the data.
func (tw *TensorWriter) put(p []byte) (int, error) {
	n, err := tw.w.out.WriteAt(p, tw.t.Offset+tw.written)
	tw.written += int64(n)
	if err != nil {
		tw.err = fmt.Errorf("gguf: %s: byte %d: %w", tensorEntry(tw.t.Name), tw.t.Offset+tw.written, err)
		tw.w.keep(tw.err)
	}
	return n, tw.err
}

// Close completes the tensor. It fails when bytes are missing; the tensor, and
// with it the file, then stays incomplete. It may be called again.
func (tw *TensorWriter) Close() error {
	if tw.closed || tw.err != nil {
		return tw.err
	}
	if tw.written < tw.t.Size {
		tw.err = fmt.Errorf("gguf: %s: closed after %d of %d bytes", tensorEntry(tw.t.Name), tw.written, tw.t.Size)
		return tw.err
	}
	// ggml expects the last tensor padded as well.
	if pad := alignUp(tw.t.Size, tw.w.alignment) - tw.t.Size; pad > 0 {
		if _, err := tw.put(make([]byte, pad)); err != nil {
			return err
		}
	}
	tw.closed = true
	tw.w.mu.Lock()
	defer tw.w.mu.Unlock()
	tw.t.state = complete
	tw.w.next = tw.t.index + 1
	return nil
}
