package workflow

import (
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/value"
)

// Copied is a checkpoint of another thread, with the bytes of what its parent has not.
type Copied struct {
	Key    CheckpointKey
	Parent *uuid.UUID
	// Header and Metadata are those of the source, Values those of the channels that
	// differ from the parent's; Kept are the others.
	Header, Metadata []byte
	Values           []NewValue
	Kept             []string
	Thread           int
}

// Put is the command that puts the copy into a thread. It is taken as it is: the source
// took it before. What was deleted of the thread does not make it late.
func (c Copied) Put(thread string) (*PutCheckpoint, error) {
	versions, err := ParseVersions(c.Header)
	if err != nil {
		versions = Versions{} // the state of an agent may be anything
	}
	b := &builtPut{builtStep: builtStep{
		key: c.Key, parent: c.Parent, thread: c.Thread,
		header: build(value.TypeJSON, c.Header), metadata: build(value.TypeJSON, c.Metadata),
	}, versions: versions, unsent: slices.Sorted(slices.Values(c.Kept))}
	for _, v := range c.Values {
		b.channels = append(b.channels, builtChannel{name: v.Channel, builtValue: build(v.Type, v.Data)})
	}
	return &PutCheckpoint{
		Thread: ThreadRef{ID: thread, copied: true}, NS: c.Key.NS, TS: c.Key.TS, Parent: c.Parent,
		Header: c.Header, Metadata: c.Metadata, Values: c.Values, built: b,
	}, CheckThread("thread_id", thread)
}

// Writes is the command that puts writes of the source into a thread, as they stand.
func (c Copied) Writes(thread, task, path string, writes []TaskWrite) *PutWrites {
	return &PutWrites{
		Thread: ThreadRef{ID: thread, copied: true}, NS: c.Key.NS, TS: c.Key.TS, Task: task, TaskPath: path, Writes: writes, Special: true,
	}
}
