package queue

import "testing"

// TestAConsumerWithoutAWait: a consumer that another program made may have no time within which
// it wants to hear of a message, which harms no worker.
func TestAConsumerWithoutAWait(t *testing.T) {
	new(Worker).keep(nil)()
}
