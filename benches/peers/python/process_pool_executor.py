"""The tasks on a `ProcessPoolExecutor`. As in the exercise, starting and ending the processes belongs to the run."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import primes
from peer import Contender, serve


class Executor(Contender):
    def __init__(self, threads, size, seed, input):
        self.tasks = primes.tasks(input)
        self.processes = threads

    def run(self):
        with ProcessPoolExecutor(self.processes, mp_context=multiprocessing.get_context("fork")) as pool:
            return list(pool.map(primes.count, *zip(*self.tasks), chunksize=1))

    def write(self, output, file):
        primes.write(output, file)


serve(Executor, ["numpy"])
