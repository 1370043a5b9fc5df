package config

import "reflect"

// Settings lists the fields of Config.
func Settings() []setting { return settings(reflect.TypeFor[Config]()) }
