package batch

import (
	"context"
	"fmt"
)

// write writes the records of pictures in order, and takes an element out of room for each.
// It ends when all pictures are done, or at the first error.
func (r *run) write(ctx context.Context, from chan *job, room chan struct{}) error {
	early := map[int]*job{} // done, but not written yet; room bounds them
	next := 0
	for j := range from {
		early[j.number] = j
		for ; early[next] != nil; next++ {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := r.save(early[next]); err != nil {
				return err
			}
			delete(early, next)
			<-room
		}
	}
	return nil
}

// save writes the records of a picture. A picture that could not be read now may have none:
// its earlier records stay, and the run's caller hears of it.
func (r *run) save(j *job) error {
	failed, earlier, changed := 0, 0, 0
	if len(j.records) == 0 {
		earlier = 1
		if j.failed != nil {
			r.notice(fmt.Sprintf("%s keeps its records, though it cannot be read now: %s", j.item.Name, j.failed.Message))
		}
	}
	if j.changed {
		changed = 1
		r.notice(fmt.Sprintf("%s has changed since its records were written: they are replaced", j.item.Name))
	}
	for i, rec := range j.records {
		if err := r.out.add(j.ask[i].key, rec); err != nil {
			return err
		}
		if rec.Error == nil {
			continue
		}
		failed++
		if r.opts.Failed != nil {
			r.opts.Failed(rec)
		}
	}
	p := r.count(Progress{Pictures: 1, Earlier: earlier, Changed: changed, Records: len(j.records), Failed: failed})
	if most := r.opts.MaxFailures; most > 0 && p.Failed > most {
		return fmt.Errorf("%w: %d, more than %d", ErrFailures, p.Failed, most)
	}
	return nil
}

// count adds to the progress, and reports it.
func (r *run) count(add Progress) Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.progress
	p.Pictures += add.Pictures
	p.Earlier += add.Earlier
	p.Changed += add.Changed
	p.Records += add.Records
	p.Failed += add.Failed
	if r.opts.Progress != nil {
		r.opts.Progress(*p)
	}
	return *p
}
