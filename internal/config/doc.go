// Package config is what `duolog serve` and `duolog dev` can be told, and where:
// a flag wins over the environment, the environment over the file, the file over
// the default.
//
// A field has one name in three spellings: --topic-prefix, DUOLOG_TOPIC_PREFIX
// and, in the file, topic_prefix. Tenants and tokens stand in the file only. A
// key of the file that does not exist is an error, never passed over: a
// misspelled limit would be no limit.
//
// The struct is read by kong, and then resolved: filled with defaults and
// checked. The check has no method of its own because kong would call one named
// Validate before the defaults are in.
//
//	var cli struct {
//		Serve struct{ config.Config } `cmd:""`
//	}
//	kong.New(&cli, kong.Configuration(config.Loader(os.LookupEnv)))
//	cfg, err := cli.Serve.Resolve(config.Serve(cli.Serve.StateDir))
package config
