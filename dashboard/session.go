// Package dashboard shows the Flink dashboard of a running application to whoever holds a URL that
// CreateApplicationPresignedUrl gave (developer guide, "Use the Apache Flink Dashboard"). It must never let a request through
// that changes the job, or an answer that holds a secret of the server's.
package dashboard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	stdsql "database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"drey/store/sql"
	"drey/wire"
)

// FirstUse is how long a URL waits for its first use (API reference, "CreateApplicationPresignedUrl").
const FirstUse = 3 * time.Minute

// Application names an application.
type Application struct{ Account, Region, Name string }

// ErrNotRunning is answered for an application without a JobManager.
var ErrNotRunning = errors.New("dashboard: the application is not running")

// Config is what the dashboard needs.
type Config struct {
	DB     *sql.DB
	Prefix string // of the paths that it serves; ends in a slash
	// Address gives the address of the application's JobManager, http://127.0.0.1:port; ErrNotRunning if there is none.
	Address func(ctx context.Context, a Application) (string, error)
	// Allowed answers an error if the principal may not, or no longer, look at the application.
	Allowed func(ctx context.Context, p wire.Principal, a Application) error
	Log     *slog.Logger
	Now     func() time.Time
}

// Dashboard keeps sessions and serves them.
type Dashboard struct {
	Config
	transport http.Transport
}

var migrations = []string{
	`CREATE TABLE dashboard_sessions (token TEXT PRIMARY KEY, ends INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID`,
}

// Open makes the table if it is not there.
func Open(ctx context.Context, c Config) (*Dashboard, error) {
	return &Dashboard{Config: c}, c.DB.Migrate(ctx, "dashboard", migrations)
}

// Close drops idle connections.
func (d *Dashboard) Close() error {
	d.transport.CloseIdleConnections()
	return nil
}

// session is what a URL stands for. Its token is stored as a digest: whoever reads the database can open nothing.
type session struct {
	Application Application
	Principal   wire.Principal
	Issued      time.Time
	Used        time.Time // zero = not yet
	Life        time.Duration
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Issue opens a session for a principal and gives the path and query of its URL. What has ended goes.
func (d *Dashboard) Issue(ctx context.Context, p wire.Principal, a Application, life time.Duration) (path string, err error) {
	token, now := rand.Text()+rand.Text(), d.Now()
	doc, err := json.Marshal(session{Application: a, Principal: p, Issued: now, Life: life})
	if err != nil {
		return "", err
	}
	err = d.DB.Write(ctx, func(tx *stdsql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM dashboard_sessions WHERE ends < ?`, now.Unix()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO dashboard_sessions VALUES (?, ?, ?)`, digest(token), now.Add(FirstUse+life).Unix(), string(doc))
		return err
	})
	return d.base(a) + "?authToken=" + token, err
}

// errSession is answered for a token that opens nothing, or nothing any more.
var errSession = errors.New("dashboard: no such session")

// use finds the session of a token, and notes its first use.
func (d *Dashboard) use(ctx context.Context, token string, a Application) (s session, err error) {
	err = d.DB.Write(ctx, func(tx *stdsql.Tx) error {
		var doc string
		err := tx.QueryRowContext(ctx, `SELECT doc FROM dashboard_sessions WHERE token = ?`, digest(token)).Scan(&doc)
		if errors.Is(err, stdsql.ErrNoRows) {
			return errSession
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(doc), &s); err != nil {
			return err
		}
		if s.Application != a || s.ended(d.Now()) {
			return errSession
		}
		if !s.Used.IsZero() {
			return nil
		}
		s.Used = d.Now()
		raw, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE dashboard_sessions SET doc = ? WHERE token = ?`, string(raw), digest(token))
		return err
	})
	return s, err
}

// ended tells whether the session can be used no more, or was not used in time.
func (s session) ended(now time.Time) bool {
	if s.Used.IsZero() {
		return now.Sub(s.Issued) > FirstUse
	}
	return now.Sub(s.Used) > s.Life
}
