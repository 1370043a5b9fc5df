package instance

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// State is all of an instance. Numbers are given per kind, from 1 on, and never
// twice.
type State struct {
	Last          map[string]int64       `json:"last"`
	Users         map[int64]*User        `json:"users"`
	Tokens        map[int64]*Token       `json:"tokens"`
	Groups        map[int64]*Group       `json:"groups"`
	Projects      map[int64]*Project     `json:"projects"`
	Members       []*Member              `json:"members"`
	Pipelines     map[int64]*Pipeline    `json:"pipelines"`
	Jobs          map[int64]*Job         `json:"jobs"`
	Variables     []*Variable            `json:"variables"`
	Hooks         map[int64]*Hook        `json:"hooks"`
	Issues        map[int64]*Issuable    `json:"issues"`
	MergeRequests map[int64]*Issuable    `json:"merge_requests"`
	Discussions   map[string]*Discussion `json:"discussions"`
	Notes         map[int64]*Note        `json:"notes"`
	Awards        map[int64]*Award       `json:"awards"`
}

// New is an empty instance.
func New() *State {
	return &State{
		Last: map[string]int64{}, Users: map[int64]*User{}, Tokens: map[int64]*Token{},
		Groups: map[int64]*Group{}, Projects: map[int64]*Project{},
		Pipelines: map[int64]*Pipeline{}, Jobs: map[int64]*Job{}, Hooks: map[int64]*Hook{},
		Issues: map[int64]*Issuable{}, MergeRequests: map[int64]*Issuable{},
		Discussions: map[string]*Discussion{}, Notes: map[int64]*Note{}, Awards: map[int64]*Award{},
	}
}

// Next gives the next number of a kind.
func (s *State) Next(kind string) int64 {
	s.Last[kind]++
	return s.Last[kind]
}

// Sorted lists the values of a map by their key.
func Sorted[K cmp.Ordered, V any](m map[K]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// passed says whether a time that may be none has come.
func passed(at *time.Time, now time.Time) bool { return at != nil && !now.Before(*at) }
