"""The word count with a Dask bag, on a pool of processes that stands already.

A bag is lazy: unlike everybody else's, its run includes reading the file."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import dask
import dask.bag

import words
from peer import Contender, serve


def count_lines(lines):
    # A partition of one element: its counts.
    return [words.lowered(words.count("".join(lines)))]


def add(counts, more):
    counts.update(more)
    return counts


class Bag(Contender):
    def __init__(self, threads, size, seed, input):
        self.pool = ProcessPoolExecutor(threads, mp_context=multiprocessing.get_context("fork"))
        # The executor starts a process with a task, and not before.
        list(self.pool.map(int, range(threads)))
        lines = dask.bag.read_text(input, blocksize=max(size // (4 * threads), 1 << 16))
        self.counts = lines.map_partitions(count_lines).fold(add)

    def run(self):
        return self.counts.compute(scheduler="processes", pool=self.pool)

    def write(self, output, file):
        words.write(output, file)

    def close(self):
        self.pool.shutdown()


serve(Bag, ["dask", "regex"])
