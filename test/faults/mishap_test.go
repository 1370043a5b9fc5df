//go:build faults

package faults_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/kafka"
)

// mishap is something that happens to the log or the database under running nodes.
type mishap struct {
	name string
	// happen does it; what it returns is for fix.
	happen func(*testing.T, *stand) (kept copyOf)
	// problem is what nodes and doctor say, and fixed does what doctor says.
	problem string
	fixed   func(t *testing.T, s *stand, fix string, kept copyOf)
}

// setting is a mishap of the journal's or the commands' settings.
func setting(topic, key, value, problem string) mishap {
	return mishap{
		name: topic + " has " + key + "=" + value, problem: problem,
		happen: func(t *testing.T, s *stand) copyOf { t.Helper(); s.set(t, topic, key, value); return copyOf{} },
		fixed:  func(t *testing.T, s *stand, fix string, _ copyOf) { t.Helper(); s.kafkaConfigs(t, fix) },
	}
}

// settings are mishaps that a command puts right.
func settings() []mishap {
	return []mishap{
		setting(journalTopic, "retention.ms", "604800000", "keeps records for 7 days"),
		setting(journalTopic, "retention.bytes", "1073741824", "keeps only 1073741824 bytes"),
		setting(journalTopic, "cleanup.policy", "compact", "cleanup.policy=compact"),
		setting(journalTopic, "unclean.leader.election.enable", "true", "unclean leader election"),
		setting(journalTopic, "max.message.bytes", "1000", "takes records of 1000 bytes only"),
		setting(commandsTopic, "retention.ms", "604800000", "the commands topic duolog.commands keeps records for 7 days"),
	}
}

// mishaps are those of whole topics.
func mishaps() []mishap {
	return []mishap{
		{
			name: "the events topic gets a partition more", problem: "the events topic duolog.events has 5 partitions, the journal has 4",
			happen: func(t *testing.T, s *stand) copyOf {
				t.Helper()
				fleettest.OK(t, s.admin().CreatePartitions(eventsTopic, 5, nil, false))
				return copyOf{}
			},
			fixed: func(t *testing.T, s *stand, fix string, _ copyOf) {
				t.Helper()
				s.says(t, fix, "stop all nodes, delete the topic duolog.events, run: duolog journal init --partitions 4\nand start the nodes again")
				s.stopNodes()
				s.remove(t, eventsTopic)
				s.tool(t, "journal", "init", "--partitions", "4")
				s.startNodes()
			},
		},
		{
			name: "the refused topic is deleted", problem: "the topic duolog.commands.refused does not exist",
			happen: func(t *testing.T, s *stand) copyOf { t.Helper(); s.remove(t, refusedTopic); return copyOf{} },
			fixed: func(t *testing.T, s *stand, fix string, _ copyOf) {
				t.Helper()
				s.says(t, fix, "duolog journal init --partitions 4")
				s.tool(t, "journal", "init", "--partitions", "4")
			},
		},
		{
			name: "the journal gets a partition more", problem: "has 5 partitions, its genesis says 4",
			happen: func(t *testing.T, s *stand) copyOf {
				t.Helper()
				fleettest.OK(t, s.admin().CreatePartitions(journalTopic, 5, nil, false))
				return copyOf{}
			},
			fixed: func(t *testing.T, s *stand, fix string, _ copyOf) {
				t.Helper()
				s.says(t, fix, "stop all nodes, copy the first 4 partitions, offset by offset, into a topic of that many with the same settings")
				s.stopNodes()
				s.restore(t, s.backup(t, journalTopic, 4))
				s.startNodes()
			},
		},
		{
			name: "records are deleted from the start", problem: "no longer has offset 0: the start of the truth was deleted",
			happen: func(t *testing.T, s *stand) copyOf {
				t.Helper()
				kept := s.backup(t, journalTopic, 4)
				fleettest.OK(t, s.admin().DeleteRecords(journalTopic, map[int32]int64{2: 1}))
				return kept
			},
			fixed: func(t *testing.T, s *stand, fix string, kept copyOf) {
				t.Helper()
				s.says(t, fix, "stop all nodes, restore the topic from a copy, and start them again")
				s.stopNodes()
				s.restore(t, kept.with(s.backup(t, journalTopic, 4)))
				s.startNodes()
			},
		},
		{
			name: "the journal is deleted", problem: "the topic duolog.journal does not exist",
			happen: func(t *testing.T, s *stand) copyOf {
				t.Helper()
				kept := s.backup(t, journalTopic, 4)
				s.remove(t, journalTopic)
				return kept
			},
			fixed: func(t *testing.T, s *stand, fix string, kept copyOf) {
				t.Helper()
				s.says(t, fix, "restore its topics from a copy")
				if r := s.Tool("journal", "init", "--partitions", "4"); r.Code == 0 {
					t.Errorf("init began a second log beside the database of the first: %s", r.Out)
				}
				s.restore(t, kept)
			},
		},
		{
			name: "another log stands in the place of the journal", problem: "the database belongs to another log",
			happen: func(t *testing.T, s *stand) copyOf {
				t.Helper()
				kept := s.backup(t, journalTopic, 4)
				s.remove(t, journalTopic)
				_, err := kafka.Init(t.Context(), kafka.Config{Brokers: s.brokers()}, 4, 1, uuid.New)
				fleettest.OK(t, err)
				return kept
			},
			fixed: func(t *testing.T, s *stand, fix string, kept copyOf) {
				t.Helper()
				s.says(t, fix, "put the journal of the database's log back in its place")
				s.restore(t, kept)
			},
		},
		{
			name: "a foreign topic stands in the place of the journal", problem: "is not a Duolog journal",
			happen: func(t *testing.T, s *stand) copyOf {
				t.Helper()
				kept := s.backup(t, journalTopic, 4)
				foreign := copyOf{topic: journalTopic, partitions: 4, settings: kept.settings, records: map[int32][]*kgo.Record{0: {{Value: []byte("somebody's")}}}}
				s.restore(t, foreign)
				return kept
			},
			fixed: func(t *testing.T, s *stand, fix string, kept copyOf) {
				t.Helper()
				s.says(t, fix, "put the journal back in its place")
				s.restore(t, kept)
			},
		},
	}
}
