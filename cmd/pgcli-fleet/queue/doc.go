// Package queue answers prompts about pictures on many machines, over NATS JetStream. A
// queue has a stream of work, with a message for each picture that waits; a stream of
// results, with a record for each question; and a bucket of keys with the job, which is
// what all of its answers depend on, and with the attempts of pictures that workers have
// begun.
//
// The queue only schedules. Inputs and results are the truth: what is missing can be put
// in again at any time, and each question has one result in the end, whatever is asked
// twice. Messages hold names of pictures, which workers open in a folder that all machines
// share.
package queue
