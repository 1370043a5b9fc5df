package workflow

import (
	"encoding/json"

	"github.com/duolog/duolog/domain/strictjson"
	"github.com/duolog/duolog/domain/value"
)

// decodeCheckpointed reads the event of every step in the form that AppendJSON
// writes, and leaves every other form to the decoder.
func decodeCheckpointed(data json.RawMessage) (Event, error) {
	c := strictjson.NewCursor(data)
	var e Checkpointed
	c.Skip(`{"thread_ts":`)
	e.ThreadTS = c.UUID()
	if c.Is(`,"parent_ts":`) {
		parent := c.UUID()
		e.ParentTS = &parent
	}
	c.Skip(`,"inherits":`)
	e.Inherits = c.Bool()
	if c.Is(`,"checkpoint_ns":`) {
		e.NS = c.Text()
	}
	c.Skip(`,"header":`)
	e.Header = value.At(c)
	c.Skip(`,"metadata":`)
	e.Metadata = value.At(c)
	if c.Is(`,"channels":`) {
		c.List(func() { e.Channels = append(e.Channels, channelAt(c)) })
	}
	if c.Is(`,"removed":`) {
		c.List(func() { e.Removed = append(e.Removed, c.Text()) })
	}
	if c.Is(`,"current_thread":`) {
		e.CurrentThread = int(c.Int())
	}
	if c.Is(`,"flow_metadata":`) {
		e.FlowMetadata = c.Text()
	}
	if c.Is(`,"epoch":`) {
		e.Epoch = int(c.Int())
	}
	if c.Is(`,"parent_missing":`) {
		e.ParentMissing = c.Bool()
	}
	c.Skip("}")
	if !c.Done() {
		return decode[Checkpointed](data)
	}
	return e, nil
}

func channelAt(c *strictjson.Cursor) (v ChannelValue) {
	c.Skip(`{"channel":`)
	v.Channel = c.Text()
	c.Skip(`,"value":`)
	v.Value = value.At(c)
	c.Skip("}")
	return v
}
