"""Follows everything that happens, as a member of a consumer group.

usage: consume.py BROKERS TOPIC GROUP
"""

import sys

from kafka import KafkaConsumer

brokers, topic, group = sys.argv[1:]
for message in KafkaConsumer(topic, bootstrap_servers=brokers.split(","), group_id=group, auto_offset_reset="earliest"):
    # At least once: who acts on an event remembers its ce_id with what it did.
    event = {name: value.decode() for name, value in message.headers}
    print(event["ce_id"], event["ce_type"], event["ce_subject"], flush=True)
