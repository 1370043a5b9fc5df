package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/kafka/access"
)

// connection is how the tools reach a running Duolog. duolog dev leaves one in
// its state directory, so that a second terminal needs no flags.
type connection struct {
	API      string   `json:"api"`
	Brokers  []string `json:"brokers"`
	Prefix   string   `json:"prefix"`
	Database string   `json:"database"`
	// access is what somebody else's brokers want; those of duolog dev want nothing.
	access access.Settings
}

const connectionFile, tokenFile = "connection.json", "token"

func (c connection) save(dir string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the connection: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, connectionFile), append(b, '\n'), 0o600)
}

// apiFlags are the flags of commands that speak to the API.
type apiFlags struct {
	URL   string `help:"Address of the API; by default that of duolog dev in this directory." env:"DUOLOG_URL" placeholder:"URL"`
	Token string `help:"Bearer token; by default that of duolog dev in this directory." env:"DUOLOG_TOKEN" placeholder:"TOKEN"`
	State string `name:"state-dir" help:"State directory of duolog dev." default:".duolog" type:"path"`
	JSON  bool   `help:"Print JSON." name:"json"`
}

func (f apiFlags) client() (*client, error) {
	c, err := loadConnection(f.State)
	if f.URL == "" {
		if err != nil {
			return nil, err
		}
		f.URL = c.API
	}
	if f.Token == "" {
		b, err := os.ReadFile(filepath.Join(f.State, tokenFile))
		if err != nil {
			return nil, problem{"there is no token: " + err.Error(), "set DUOLOG_TOKEN, or run duolog dev in this directory"}
		}
		f.Token = strings.TrimSpace(string(b))
	}
	return newClient(f.URL, f.Token), nil
}

func loadConnection(dir string) (connection, error) {
	var c connection
	b, err := os.ReadFile(filepath.Join(dir, connectionFile)) //nolint:gosec // the state directory is the user's own
	if errors.Is(err, fs.ErrNotExist) {
		return c, problem{"no Duolog is known here: " + filepath.Join(dir, connectionFile) + " is not there", "run duolog dev in this directory, or say where to look (see --help)"}
	}
	if err != nil {
		return c, fmt.Errorf("read the connection: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("read %s: %w", connectionFile, err)
	}
	return c, nil
}

// storeFlags are the flags of commands that speak to the log and the database
// themselves.
type storeFlags struct {
	File config.FileFlag `name:"config" env:"DUOLOG_CONFIG" placeholder:"FILE" help:"The configuration file of duolog serve."`

	Brokers []string        `help:"Kafka brokers, host:port." env:"DUOLOG_BROKERS" placeholder:"HOST:PORT"`
	Kafka   access.Settings `embed:"" prefix:"kafka-" envprefix:"DUOLOG_KAFKA_"`

	Prefix   string `name:"topic-prefix" help:"Prefix of the topics." env:"DUOLOG_TOPIC_PREFIX" placeholder:"NAME"`
	Database string `name:"database-url" help:"Postgres address." env:"DUOLOG_DATABASE_URL" placeholder:"URL"`
	State    string `name:"state-dir" help:"State directory of duolog dev." default:".duolog" type:"path"`
	JSON     bool   `help:"Print JSON." name:"json"`
}

// resolve fills what is not given from the state directory of duolog dev.
func (f storeFlags) resolve() (connection, error) {
	c := connection{Brokers: f.Brokers, Prefix: f.Prefix, Database: f.Database}
	if len(c.Brokers) > 0 {
		c.access = f.Kafka
		if c.Prefix == "" {
			c.Prefix = "duolog"
		}
		return c, nil
	}
	dev, err := loadConnection(f.State)
	if err != nil {
		return c, err
	}
	c.Brokers, c.API = dev.Brokers, dev.API
	if c.Prefix == "" {
		c.Prefix = dev.Prefix
	}
	if c.Database == "" {
		c.Database = dev.Database
	}
	return c, nil
}
