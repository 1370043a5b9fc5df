package logtest

// projectedShows: what the read models have come to is what tools see of a group
// without members, also when they went back.
func projectedShows(f *fixture) {
	l := f.open()
	for _, next := range []map[int32]int64{{0: 1, 1: 4}, {1: 2}, {}} {
		// A coordinator that has just begun refuses offsets for a moment.
		f.eventually("the group takes the offsets", func() bool { return l.ShowProjected(f.ctx, next) == nil })
	}
	topic, group := f.cfg.JournalTopic(), f.cfg.ProjectorGroup()
	got, err := f.admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1, 2}})
	f.must(err)
	for p, want := range []int64{1, 2, -1} {
		if b := got.GetBlock(topic, int32(p)); b == nil || b.Offset != want {
			f.t.Errorf("partition %d: tools see %+v, want %d", p, b, want)
		}
	}
	described, err := f.admin.DescribeConsumerGroups([]string{group})
	f.must(err)
	if len(described) != 1 || len(described[0].Members) != 0 || described[0].State != "Empty" {
		f.t.Errorf("the group is %+v", described)
	}
}
