"""A LangGraph agent that answers questions about a git repository and keeps its state in Duolog."""
