"""The word count with PySpark's data frames: the words never leave the virtual machine, so no row is turned into Python."""

import os

from pyspark.sql import SparkSession, functions

import words
from peer import Contender, serve


class Spark(Contender):
    def __init__(self, threads, size, seed, input):
        builder = SparkSession.builder.master(f"local[{threads}]").appName("word_count")
        settings = {
            # Loopback only, no page about itself, and what it spills goes where it is removed.
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.local.dir": os.getcwd(),
            "spark.sql.warehouse.dir": os.path.join(os.getcwd(), "warehouse"),
            # The default of 200 partitions is for a cluster.
            "spark.sql.shuffle.partitions": str(threads),
        }
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")
        lines = self.session.read.text(input).repartition(4 * threads).cache()
        # In memory, as everybody's text is before the clock starts.
        lines.count()
        found = lines.select(functions.explode(functions.split("value", r"\P{IsAlphabetic}+")).alias("word"))
        found = found.where("word != ''").select(functions.lower("word").alias("word"))
        self.counts = found.groupBy("word").count()

    def run(self):
        return self.counts.collect()

    def write(self, output, file):
        words.write(dict(map(tuple, output)), file)

    def close(self):
        self.session.stop()


serve(Spark, ["pyspark"])
