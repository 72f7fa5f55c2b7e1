"""Merge sort with processes of the standard library: each sorts a share in shared memory, and the first one merges."""

import heapq
import mmap
import multiprocessing
from array import array

from peer import Contender, serve

keys = None


def sort_share(start, end):
    keys[start:end] = array("Q", sorted(keys[start:end]))


class Processes(Contender):
    def __init__(self, threads, size, seed, input):
        global keys
        with open(input, "rb") as file:
            self.input = file.read()
        # Mapped before the workers are forked: keys would take longer through a pipe than their sort takes.
        self.memory = mmap.mmap(-1, max(len(self.input), 1))
        keys = memoryview(self.memory).cast("Q")[: size]
        self.shares = [(size * i // threads, size * (i + 1) // threads) for i in range(threads)]
        self.pool = multiprocessing.get_context("fork").Pool(threads)

    def ready(self):
        self.memory[: len(self.input)] = self.input

    def run(self):
        self.pool.starmap(sort_share, self.shares, chunksize=1)
        if len(self.shares) == 1:
            return keys
        # As quick as `sorted` over the sorted shares, which has to make a list of all keys first.
        return array("Q", heapq.merge(*(keys[start:end] for start, end in self.shares)))

    def write(self, output, file):
        with open(file, "wb") as file:
            file.write(output)

    def close(self):
        self.pool.terminate()
        self.pool.join()


serve(Processes)
