"""The version of this package, and of the server's API that it speaks."""

__version__ = "0.1.0"

API_VERSION = "1"
"""What the header `Duolog-Threads` of a server's answer must say."""
