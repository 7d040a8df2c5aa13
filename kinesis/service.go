package kinesis

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"drey/store/seglog"
	"drey/store/sql"
)

// Config is what a Service works with.
type Config struct {
	DB    *sql.DB          // documents
	Dir   string           // records
	Log   *slog.Logger     // slog.Default
	Now   func() time.Time // time.Now
	Files seglog.FS        // the operating system's

	// ValidatePolicy refuses a resource policy that cannot be evaluated.
	ValidatePolicy func(document string) error
	// Metrics takes what was counted in past minutes, also when the service closes; nil: nobody wants it. Data that it
	// returns an error for are offered again.
	Metrics func(ctx context.Context, account, region string, data []Datum) error
	// Destinations take what channels deliver; nil: channels are refused.
	Destinations Destinations
	// NoSync acknowledges records when the operating system has them: they survive kill -9, not a loss of power.
	NoSync bool
	Limits bool // enforce AWS's limits of throughput, call rates and changes at the same time or within a day
}

// Service serves the model's API. All methods may be called at the same time.
type Service struct {
	Config
	sealer  sealer
	journal *seglog.Journal // of all shards

	mu      sync.RWMutex // of these; short
	streams map[key]*stream
	queues  map[string]*stream // by the ids of their queues
	removed []*stream          // whose last samples are still to be handed over
	birth   sync.Mutex         // one stream is made or removed at a time

	subs     subscriptions
	callers  callers
	accounts accounts
	carriers carriers

	kick chan struct{} // wakes the keeper: something will be due soon
	stop context.CancelFunc
	done chan struct{}

	unsent map[place][]Datum // the keeper's: what nobody has taken yet
}

var migrations = []string{
	`CREATE TABLE kinesis_streams (account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (account, region, name)) WITHOUT ROWID`,
	`CREATE TABLE kinesis_keys (name TEXT PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID`,
	`CREATE TABLE kinesis_accounts (account TEXT NOT NULL, region TEXT NOT NULL, commitment TEXT NOT NULL, PRIMARY KEY (account, region)) WITHOUT ROWID`,
	`CREATE TABLE kinesis_channels (id TEXT PRIMARY KEY, progress TEXT NOT NULL) WITHOUT ROWID`,
}

// Open reads the streams of the store and goes on with what was under way. No log is opened before it is used.
func Open(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if err := c.DB.Migrate(ctx, "kinesis", migrations); err != nil {
		return nil, err
	}
	s := &Service{Config: c, streams: map[key]*stream{}, queues: map[string]*stream{}, unsent: map[place][]Datum{}, kick: make(chan struct{}, 1), done: make(chan struct{})}
	secret, err := s.loadSecret(ctx)
	if err != nil {
		return nil, fmt.Errorf("kinesis: %w", err)
	}
	if s.sealer, err = newSealer(secret); err != nil {
		return nil, err
	}
	if err := s.loadCommitments(ctx); err != nil {
		return nil, fmt.Errorf("kinesis: %w", err)
	}
	s.journal, err = seglog.OpenJournal(s.Dir, seglog.JournalOptions{NoSync: c.NoSync, Report: s.torn, FS: c.Files})
	if err != nil {
		return nil, fmt.Errorf("kinesis: %w", err)
	}
	if err := s.loadStreams(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("kinesis: %w", err), s.journal.Close())
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go s.keep(keeping)
	s.startChannels(keeping)
	return s, nil
}

// Close ends channels and subscriptions and waits for the keeper, which hands over what was counted so far. Operations that still run
// get errors.
func (s *Service) Close() error {
	s.carriers.close()
	s.stop()
	<-s.done
	s.subs.endAll(errShutdown)
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, st := range s.streams {
		for _, l := range st.load().lanes {
			err = errors.Join(err, l.log.Close())
		}
		for _, d := range st.load().desks {
			err = errors.Join(err, d.end(d.log.Close))
		}
	}
	return errors.Join(err, s.journal.Close())
}

// loadSecret gives the key of the tokens, which outlives the server: iterators stay good over a restart.
func (s *Service) loadSecret(ctx context.Context) (secret []byte, err error) {
	err = s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO kinesis_keys VALUES ('tokens', ?) ON CONFLICT DO NOTHING`, newSecret()); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT secret FROM kinesis_keys WHERE name = 'tokens'`).Scan(&secret)
	})
	return secret, err
}

func (s *Service) loadStreams(ctx context.Context) error {
	return s.DB.Read(ctx, func(tx *stdsql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT account, region, name, document FROM kinesis_streams`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k key
			var text string
			if err := rows.Scan(&k.Account, &k.Region, &k.Name, &text); err != nil {
				return err
			}
			var d document
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				return fmt.Errorf("stream %s: %w", k.arn(), err)
			}
			s.streams[k] = s.newStream(k, d)
			for _, q := range d.Queues {
				s.queues[q.ID] = s.streams[k]
			}
		}
		return rows.Err()
	})
}

func (s *Service) saveStream(ctx context.Context, k key, d document) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO kinesis_streams VALUES (?, ?, ?, ?)
			ON CONFLICT (account, region, name) DO UPDATE SET document = excluded.document`, k.Account, k.Region, k.Name, string(text))
		return err
	})
}

func (s *Service) deleteStream(ctx context.Context, k key) error {
	return s.DB.Write(ctx, func(tx *stdsql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM kinesis_streams WHERE account = ? AND region = ? AND name = ?`, k.Account, k.Region, k.Name)
		return err
	})
}

func (s *Service) newLog(streamID string, index int) *seglog.Log {
	return seglog.New(filepath.Join(s.Dir, streamID, shardID(index)), seglog.Options{Now: s.Now, Journal: s.journal, Report: s.torn})
}

func (s *Service) torn(t seglog.Tear) {
	s.Log.Warn("a crash left an unfinished write, which nobody was told of; it was cut off", "file", t.Path, "offset", t.Offset, "bytes", t.Lost)
}
