// Package deploy_test holds the files of this folder to the product they configure: their settings are read by the
// product's own loader, their command lines by the product's own parser, and what compose.yaml says is started as
// processes over a Kafka and a Postgres.
//
// deploy/tools/check-deploy holds them to the programs that are to read them.
package deploy_test
