"""Increments under a `threading.Lock`. One thread at a time runs Python (the GIL), lock or no lock; numpy lets go of it."""

import threading

import numpy

from peer import Contender, serve

ROUNDS = 64
MULTIPLIER = numpy.uint64(0x9E37_79B9_7F4A_7C15)
MASK = (1 << 64) - 1

# So many steps at once: enough that numpy's own cost does not count, few enough that they stay in the cache.
BATCH = 4096


def work(first, end, seed):
    """What the steps find: `work` of the exercise's workload, for a batch of them."""
    value = numpy.arange(first, end, dtype=numpy.uint64) + numpy.uint64(seed)
    for turn in range(ROUNDS):
        value = (value ^ (value >> numpy.uint64(31))) * MULTIPLIER
        value ^= (value >> numpy.uint64(27)) ^ numpy.uint64(turn)
    return value.tolist()


class Lock(Contender):
    def __init__(self, threads, size, seed, input):
        self.seed = seed
        self.shares = [(size * i // threads, size * (i + 1) // threads) for i in range(threads)]

    def share(self, start, end):
        lock = self.lock
        for first in range(start, end, BATCH):
            for found in work(first, min(first + BATCH, end), self.seed):
                with lock:
                    self.count += 1
                    self.sum = (self.sum + found) & MASK

    def run(self):
        self.lock, self.count, self.sum = threading.Lock(), 0, 0
        threads = [threading.Thread(target=self.share, args=share) for share in self.shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.count, self.sum

    def write(self, output, file):
        with open(file, "w", encoding="ascii") as file:
            file.write("{} {}\n".format(*output))


serve(Lock, ["numpy"])
