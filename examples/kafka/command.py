"""Starts a workflow by a command on Kafka and prints the answer.

usage: DUOLOG_TOKEN=... command.py BROKERS PREFIX ID GOAL
"""

import json
import os
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

PATIENCE_MS = 60_000

brokers, prefix, id, goal = sys.argv[1:]
replies = prefix + ".replies"

# The answers are read from the end as it is now, before the command is sent.
consumer = KafkaConsumer(bootstrap_servers=brokers.split(","), consumer_timeout_ms=PATIENCE_MS)
consumer.assign([TopicPartition(replies, p) for p in consumer.partitions_for_topic(replies)])
consumer.seek_to_end()
for partition in consumer.assignment():
    consumer.position(partition)

# The id names the command for ever: sent twice it is carried out once.
headers = {
    "ce_specversion": "1.0",
    "ce_id": id,
    "ce_source": "/examples/command",
    "ce_type": "dev.duolog.command.start_workflow.v1",
    "ce_replyto": replies,
    "content-type": "application/json",
    "authorization": "Bearer " + os.environ["DUOLOG_TOKEN"],
}
producer = KafkaProducer(bootstrap_servers=brokers.split(","), acks="all")
producer.send(
    prefix + ".commands",
    key=id.encode(),
    value=json.dumps({"goal": goal}).encode(),
    headers=[(name, value.encode()) for name, value in headers.items()],
).get(timeout=30)

for message in consumer:
    if dict(message.headers).get("ce_subject") == id.encode():
        print(message.value.decode())
        break
else:
    sys.exit("no answer in time; send the same id again, it is the same command")
