"""numpy's sort, which lets go of the interpreter's lock: a share for each thread, and a stable sort that finds sorted shares."""

from concurrent.futures import ThreadPoolExecutor

import numpy

from peer import Contender, serve


class Threads(Contender):
    def __init__(self, threads, size, seed, input):
        self.input = numpy.fromfile(input, dtype="<u8")
        self.borders = [size * i // threads for i in range(threads + 1)]
        self.pool = ThreadPoolExecutor(threads)
        # The executor starts a thread with a task, and not before.
        list(self.pool.map(int, range(threads)))

    def ready(self):
        self.keys = self.input.copy()

    def run(self):
        shares = [self.keys[start:end] for start, end in zip(self.borders, self.borders[1:])]
        list(self.pool.map(numpy.ndarray.sort, shares))
        if len(shares) > 1:
            # For 64-bit integers this is a merge sort that takes sorted runs as they are.
            self.keys.sort(kind="stable")
        return self.keys

    def write(self, output, file):
        output.tofile(file)

    def close(self):
        self.pool.shutdown()


serve(Threads, ["numpy"])
