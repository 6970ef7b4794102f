"""Uploads the files of a directory to an Apache Kafka topic, and shows how it is going."""
