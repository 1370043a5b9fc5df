package kafka

import (
	"github.com/xdg-go/scram"

	"github.com/duolog/duolog/internal/kafka/access"
)

// scramClient is one exchange. It takes the password from the file: a new one
// counts from the next connection on.
type scramClient struct {
	*scram.ClientConversation

	access access.Settings
}

// Begin implements sarama.SCRAMClient.
func (c *scramClient) Begin(user, _, authzID string) error {
	password, err := c.access.Password()
	if err != nil {
		return err
	}
	hash := scram.SHA512
	if c.access.Mechanism() == access.ScramSHA256 {
		hash = scram.SHA256
	}
	client, err := hash.NewClient(user, password.Reveal(), authzID)
	if err != nil {
		return err
	}
	c.ClientConversation = client.NewConversation()
	return nil
}
