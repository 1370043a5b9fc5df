// Command command starts a workflow by a command on Kafka and prints the answer.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// patience is how long the answer may take.
const patience = time.Minute

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: DUOLOG_TOKEN=… command BROKERS PREFIX ID GOAL")
		os.Exit(2)
	}
	answer, err := run(strings.Split(os.Args[1], ","), os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		fmt.Fprintln(os.Stderr, "command:", err)
		os.Exit(1)
	}
	_, _ = fmt.Fprintln(os.Stdout, answer)
}

func run(brokers []string, prefix, id, goal string) (string, error) {
	settings := sarama.NewConfig()
	settings.Version = sarama.V3_6_0_0
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Producer.Return.Successes = true
	client, err := sarama.NewClient(brokers, settings)
	if err != nil {
		return "", err
	}
	defer client.Close() //nolint:errcheck // nothing is under way any more
	replies := prefix + ".replies"
	answers, err := follow(client, replies, id)
	if err != nil {
		return "", err
	}
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return "", err
	}
	if _, _, err := producer.SendMessage(command(prefix+".commands", replies, id, goal)); err != nil {
		return "", err
	}
	select {
	case answer := <-answers:
		return answer, nil
	case <-time.After(patience):
		return "", fmt.Errorf("no answer in %s; send the same id again, it is the same command", patience)
	}
}

// command is a CloudEvent in binary mode. Its id names it for ever: sent twice it is
// carried out once. The key keeps the commands of one matter in order.
func command(topic, replies, id, goal string) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(id), Value: sarama.StringEncoder(fmt.Sprintf(`{"goal":%q}`, goal))}
	for name, value := range map[string]string{
		"ce_specversion": "1.0", "ce_id": id, "ce_source": "/examples/command", "ce_type": "dev.duolog.command.start_workflow.v1",
		"ce_replyto": replies, "content-type": "application/json", "authorization": "Bearer " + os.Getenv("DUOLOG_TOKEN"),
	} {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
	}
	return m
}

// follow reads every partition of the topic from now on for the answer to a command.
func follow(client sarama.Client, topic, id string) (<-chan string, error) {
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	partitions, err := consumer.Partitions(topic)
	if err != nil {
		return nil, err
	}
	out := make(chan string, 1)
	for _, p := range partitions {
		// From the end as it is now, before the command is sent.
		next, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		reader, err := consumer.ConsumePartition(topic, p, next)
		if err != nil {
			return nil, err
		}
		go func() {
			for m := range reader.Messages() {
				if subject(m) == id {
					out <- string(m.Value)
					return
				}
			}
		}()
	}
	return out, nil
}

// subject is the id of the command that a message answers.
func subject(m *sarama.ConsumerMessage) string {
	for _, h := range m.Headers {
		if string(h.Key) == "ce_subject" {
			return string(h.Value)
		}
	}
	return ""
}
