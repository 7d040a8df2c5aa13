package local

import "sync"

// locks are one lock for each name that somebody holds or waits for; no others take room.
type locks struct {
	mu   sync.Mutex
	used map[string]*usedLock
}

type usedLock struct {
	sync.Mutex
	users int // who hold it or wait for it
}

// lock keeps others away from a name until the returned function is called.
func (l *locks) lock(name string) (unlock func()) {
	u := l.use(name)
	u.Lock()
	return func() {
		u.Unlock()
		l.leave(name, u)
	}
}

// tryLock is lock where nobody holds the name.
func (l *locks) tryLock(name string) (unlock func(), ok bool) {
	u := l.use(name)
	if !u.TryLock() {
		l.leave(name, u)
		return nil, false
	}
	return func() {
		u.Unlock()
		l.leave(name, u)
	}, true
}

func (l *locks) use(name string) *usedLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.used[name]
	if u == nil {
		if l.used == nil {
			l.used = map[string]*usedLock{}
		}
		u = new(usedLock)
		l.used[name] = u
	}
	u.users++
	return u
}

func (l *locks) leave(name string, u *usedLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.users--; u.users == 0 {
		delete(l.used, name)
	}
}
