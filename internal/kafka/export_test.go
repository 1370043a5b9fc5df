package kafka

import "github.com/IBM/sarama"

// JournalSarama is what the journal's clients are built with.
func (c Config) JournalSarama() *sarama.Config { return c.saramaBase() }

// CommandsSarama is what publishers are built with.
func (c Config) CommandsSarama() *sarama.Config { return c.saramaCommands() }

// GroupSarama is what subscribers are built with.
func (c Config) GroupSarama() *sarama.Config { return c.saramaGroup() }
