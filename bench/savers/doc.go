// Package savers drives programs of bench/langgraph: LangGraph's own savers and
// Duolog's, in one process of their language, told what to do line by line.
package savers
