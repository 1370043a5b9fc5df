package workflow

import (
	"strconv"

	"github.com/duolog/duolog/domain"
)

// The events that come with every step write their own JSON: what encoding/json
// makes of them without escaping for HTML.

// AppendJSON appends the event.
func (e Checkpointed) AppendJSON(b []byte) []byte {
	b = domain.AppendText(append(b, `{"thread_ts":`...), e.ThreadTS.String())
	if e.ParentTS != nil {
		b = domain.AppendText(append(b, `,"parent_ts":`...), e.ParentTS.String())
	}
	b = strconv.AppendBool(append(b, `,"inherits":`...), e.Inherits)
	if e.NS != "" {
		b = domain.AppendText(append(b, `,"checkpoint_ns":`...), e.NS)
	}
	b = e.Header.AppendJSON(append(b, `,"header":`...))
	b = e.Metadata.AppendJSON(append(b, `,"metadata":`...))
	if len(e.Channels) > 0 {
		b = appendList(append(b, `,"channels":`...), e.Channels, ChannelValue.appendJSON)
	}
	if len(e.Removed) > 0 {
		b = appendList(append(b, `,"removed":`...), e.Removed, func(name string, b []byte) []byte { return domain.AppendText(b, name) })
	}
	if e.CurrentThread != 0 {
		b = strconv.AppendInt(append(b, `,"current_thread":`...), int64(e.CurrentThread), 10)
	}
	if e.FlowMetadata != "" {
		b = domain.AppendText(append(b, `,"flow_metadata":`...), e.FlowMetadata)
	}
	if e.Epoch != 0 {
		b = strconv.AppendInt(append(b, `,"epoch":`...), int64(e.Epoch), 10)
	}
	if e.ParentMissing {
		b = append(b, `,"parent_missing":true`...)
	}
	return append(b, '}')
}

func (c ChannelValue) appendJSON(b []byte) []byte {
	b = domain.AppendText(append(b, `{"channel":`...), c.Channel)
	b = c.Value.AppendJSON(append(b, `,"value":`...))
	return append(b, '}')
}

// AppendWrites appends writes as the event has them.
func AppendWrites(b []byte, writes []Write) []byte { return appendList(b, writes, Write.appendJSON) }

// AppendJSON appends the event.
func (e WritesRecorded) AppendJSON(b []byte) []byte {
	b = domain.AppendText(append(b, `{"thread_ts":`...), e.ThreadTS.String())
	if e.NS != "" {
		b = domain.AppendText(append(b, `,"checkpoint_ns":`...), e.NS)
	}
	b = AppendWrites(append(b, `,"writes":`...), e.Writes)
	if e.Epoch != 0 {
		b = strconv.AppendInt(append(b, `,"epoch":`...), int64(e.Epoch), 10)
	}
	return append(b, '}')
}

func (w Write) appendJSON(b []byte) []byte {
	b = domain.AppendText(append(b, `{"task":`...), w.Task)
	b = strconv.AppendInt(append(b, `,"idx":`...), int64(w.Idx), 10)
	if w.TaskPath != "" {
		b = domain.AppendText(append(b, `,"task_path":`...), w.TaskPath)
	}
	b = domain.AppendText(append(b, `,"channel":`...), w.Channel)
	b = w.Value.AppendJSON(append(b, `,"value":`...))
	return append(b, '}')
}

func appendList[T any](b []byte, items []T, each func(T, []byte) []byte) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = each(item, b)
	}
	return append(b, ']')
}
