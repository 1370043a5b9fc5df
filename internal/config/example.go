package config

import _ "embed" // for the file below

//go:embed example.yaml
var example string

// Example is a commented file that works once its addresses are put right.
func Example() string { return example }
