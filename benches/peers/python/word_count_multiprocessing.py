"""The word count with `multiprocessing.Pool` and `Counter`: map over shares of the text, reduce in the first process."""

import multiprocessing
from collections import Counter

import words
from peer import Contender, serve

text = ""


def count_share(start, end):
    return words.lowered(words.count(text[start:end]))


class Processes(Contender):
    def __init__(self, threads, size, seed, input):
        global text
        # Read before the workers are forked, so that they have it without a copy.
        with open(input, encoding="utf-8", newline="") as file:
            text = file.read()
        # More shares than workers, so that one slow share holds nobody up; all end behind a line.
        parts = 4 * threads
        ends = [text.find("\n", len(text) * i // parts) + 1 or len(text) for i in range(1, parts)] + [len(text)]
        self.shares = list(zip([0] + ends, ends))
        self.pool = multiprocessing.get_context("fork").Pool(threads)

    def run(self):
        counts = Counter()
        for part in self.pool.starmap(count_share, self.shares, chunksize=1):
            counts.update(part)
        return counts

    def write(self, output, file):
        words.write(output, file)

    def close(self):
        self.pool.terminate()
        self.pool.join()


serve(Processes, ["regex"])
