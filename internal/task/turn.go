package task

// Turn is a lock for those who wait for a disk or for another server while they hold it. Make it with NewTurn.
//
// It is a channel and no sync.Mutex, so that under testing/synctest whoever waits for it is known to wait.
type Turn chan struct{}

// NewTurn returns a Turn that nobody holds.
func NewTurn() Turn { return make(Turn, 1) }

// Lock waits until nobody holds the turn and takes it.
func (t Turn) Lock() { t <- struct{}{} }

// Unlock gives the turn to the next.
func (t Turn) Unlock() { <-t }
